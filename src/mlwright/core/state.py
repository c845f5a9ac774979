"""The tables of the workspace's database, and how older ones are brought up to them.

Owners keep their queries: versions in `track`, releases in `deploy`, and so on. Plain SQLAlchemy
with nothing that only SQLite can, so that a team's PostgreSQL can stand here later.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

meta = Table("meta", metadata, Column("schema_version", Integer, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("experiment", String, nullable=False),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False),  # running, finished, failed, killed
    Column("parent", String),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("process", JSON, nullable=False),  # pid and start time, to tell killed from running
    Column("params", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("model", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("bundle", String, nullable=False),  # the content hash
    Column("run", String),
    Column("created", Float, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("model", String, primary_key=True),
    Column("alias", String, primary_key=True),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(["model", "version"], ["versions.model", "versions.version"]),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("error", Text),
)

environments = Table(
    "environments",
    metadata,
    Column("name", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("wanted", String, nullable=False),  # running or stopped
    Column("settings", JSON, nullable=False),
    Column("url", String),
    Column("model", String),
    Column("version", Integer),  # what answers outside a rollout
    Column("previous", Integer),  # what a rollback returns to
    Column("updated", Float, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("environment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("replaces", Integer),
    Column("strategy", String, nullable=False),
    Column("options", JSON, nullable=False),  # steps, guards, seed of the split
    Column("state", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("step_since", Float),
    Column("weight", Float, nullable=False),  # the new version's share of traffic
    Column("evidence", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request", String),  # what a person asked for meanwhile: promote, rollback
    Column("who", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", Float, nullable=False),
    Column("environment", String, nullable=False),
    Column("release", Integer),
    Column("what", String, nullable=False),
    Column("detail", JSON, nullable=False),
)

checks = Table(
    "checks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("environment", String, nullable=False),
    Column("time", Float, nullable=False),
    Column("since", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("verdict", String, nullable=False),
    Column("result", JSON, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, index=True),
    Column("opened", Float, nullable=False),
    Column("closed", Float),
    Column("alert", JSON, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("alert", Integer, primary_key=True, autoincrement=False),
    Column("event", String, primary_key=True),  # opened, resolved
    Column("channel", String, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("due", Float),  # when to try next; none when it arrived or was given up
    Column("arrived", Float),
    Column("error", Text),
    Column("note", Text, nullable=False),  # why this channel is told, when it stands in
)

retrains = Table(
    "retrains",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("environment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("champion", Integer, nullable=False),
    Column("challenger", Integer),
    Column("comparison", JSON, nullable=False),
    Column("decision", String),
    Column("outcome", String),
    Column("detail", JSON),  # what was asked for, what was found, why it ended so
)

watches = Table(
    "watches",
    metadata,
    Column("environment", String, primary_key=True),
    Column("untested", Float, nullable=False),  # the oldest moment that no check has judged
    Column("until", Float, nullable=False),  # the end of the newest window that was looked at
    Column("labels", Float, nullable=False),  # labels told before then have been judged
    Column("reported", Float, nullable=False),  # the end of the newest report
    Column("evidence", JSON, nullable=False),  # of the loss, by version
)

# The statements that bring a database from version i + 1 to i + 2. Only ever appended to.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE deliveries (alert INTEGER NOT NULL, event VARCHAR NOT NULL, "
        "channel VARCHAR NOT NULL, tries INTEGER NOT NULL, due FLOAT, arrived FLOAT, error TEXT, "
        "note TEXT NOT NULL, PRIMARY KEY (alert, event, channel))",
    ),
    (
        "ALTER TABLE retrains ADD COLUMN detail JSON",
        "CREATE TABLE watches (environment VARCHAR NOT NULL, untested FLOAT NOT NULL, "
        "until FLOAT NOT NULL, labels FLOAT NOT NULL, reported FLOAT NOT NULL, "
        "evidence JSON NOT NULL, PRIMARY KEY (environment))",
    ),
)
