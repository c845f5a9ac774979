#!/bin/sh
# Write what the three containers read, from the workspace above the folder given (or this one).
#   sh setup.sh MODEL [WORKSPACE]
set -eu
model=${1:?usage: sh setup.sh MODEL [WORKSPACE]}
workspace=${2:-.}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/generated/secrets" "$here/generated/dashboards"
chmod 700 "$here/generated/secrets"
mlwright monitor rules --workspace "$workspace" --output "$here/generated"
mlwright monitor dashboard --model-name "$model" --output "$here/generated/dashboards/$model.json"
