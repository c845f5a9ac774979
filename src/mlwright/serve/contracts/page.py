"""The page at `/docs`: everything in one file, for a server that has no way out to the web."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from string import Template
from typing import Any


def page(title: str, document: Mapping[str, Any]) -> str:
    """Return the page; what strangers named (models, columns) is data in it, never markup.

    >>> "<b>" in page("<b>", {"info": {"title": "</script><b>"}})
    False
    """
    # In JSON a `<` stands only in texts, where it may be escaped: no text can end the script.
    data = json.dumps(document).replace("<", "\\u003c")
    return _PAGE.substitute(title=html.escape(title), document=data)


_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #18794e; --bad: #c62a2f }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { margin: 0 } h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; text-transform: uppercase;
  letter-spacing: .05em; opacity: .7 }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0 }
summary { padding: .5rem .8rem; cursor: pointer } details > div { padding: 0 .8rem .8rem }
summary::after { content: ""; display: block; clear: both }
summary b { display: inline-block; width: 3.4rem } summary span { opacity: .7; float: right }
code, pre, textarea { font: 13px/1.5 ui-monospace, monospace }
pre, textarea { background: var(--soft); border: 1px solid var(--line); border-radius: .3rem;
  padding: .6rem; overflow: auto; max-height: 24rem; width: 100%; box-sizing: border-box;
  white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .2rem .8rem
  .2rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
button { font: inherit; padding: .2rem 1rem } input { font: inherit; width: 16rem }
.good { color: var(--good) } .bad { color: var(--bad) }
@media (max-width: 40rem) { summary span { float: none; display: block } }
</style>
</head>
<body>
<h1 id="title"></h1>
<p id="about"></p>
<p><label>API key, if the server wants one: <input id="key" type="password" autocomplete="off">
</label> · <a href="openapi.json">openapi.json</a></p>
<h2 class="columns">Columns</h2>
<table class="columns"><thead><tr><th>name<th>type<th>example</thead>
<tbody id="columns"></tbody></table>
<div id="routes"></div>
<script type="application/json" id="document">$document</script>
<script>
"use strict";
const doc = JSON.parse(document.getElementById("document").textContent);
const make = (tag, text, parent, kind) => {
  const found = document.createElement(tag);
  if (text !== undefined) found.textContent = text;
  if (kind) found.className = kind;
  if (parent) parent.append(found);
  return found;
};
const pretty = value => JSON.stringify(value, null, 2);

document.getElementById("title").textContent = doc.info.title + ":" + doc.info.version;
document.getElementById("about").textContent = doc.info.description;

const first = ((doc.paths["/predict"] || {}).post || {}).requestBody;
const row = first ? Object.values(first.content)[0].example.records[0] : {};
const columns = ((doc.components.schemas || {}).Row || {}).properties || {};
for (const each of document.querySelectorAll(".columns"))
  each.hidden = !Object.keys(columns).length;
for (const [name, column] of Object.entries(columns)) {
  const line = make("tr", undefined, document.getElementById("columns"));
  make("td", name, line);
  make("td", [].concat(column.type).join(" or "), line);
  make("td", JSON.stringify(row[name]), line);
}

function form(box, method, path, kind, example) {
  const body = example === undefined ? null : make("textarea", pretty(example), box);
  if (body) body.rows = Math.min(14, body.value.split("\\n").length);
  const button = make("button", "Send", box);
  const told = make("p", "", box);
  const shown = make("pre", "", box);
  shown.hidden = true;
  button.onclick = async () => {
    const headers = body ? {"Content-Type": kind} : {};
    const key = document.getElementById("key").value;
    if (key) headers["X-Api-Key"] = key;
    const start = performance.now();
    try {
      const answer = await fetch(path, {method, headers, body: body ? body.value : undefined});
      const text = await answer.text();
      const took = (performance.now() - start).toFixed(1);
      told.textContent = answer.status + " " + answer.statusText + " · " + took + " ms · request "
        + (answer.headers.get("x-request-id") || "none");
      told.className = answer.ok ? "good" : "bad";
      try { shown.textContent = pretty(JSON.parse(text)); } catch { shown.textContent = text; }
    } catch (error) {
      told.textContent = "no answer: " + error.message;
      told.className = "bad";
      shown.textContent = "";
    }
    shown.hidden = !shown.textContent;
  };
}

const groups = new Map();
for (const [path, methods] of Object.entries(doc.paths))
  for (const [method, about] of Object.entries(methods)) {
    const tag = about.tags[0];
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push([method, path, about]);
  }
for (const [tag, routes] of groups) {
  const box = document.getElementById("routes");
  make("h2", tag, box);
  for (const [method, path, about] of routes) {
    const details = make("details", undefined, box);
    const summary = make("summary", undefined, details);
    make("b", method.toUpperCase(), summary);
    make("code", path, summary);
    make("span", about.summary, summary);
    if (path === "/predict" || path === "/query") details.open = true;
    const inner = make("div", undefined, details);
    const taken = about.requestBody ? Object.entries(about.requestBody.content) : [];
    const [kind, media] = taken[0] || [];
    form(inner, method.toUpperCase(), path, kind, media && (media.example || {}));
    if (media) {
      const schema = make("details", undefined, inner);
      make("summary", "schema of the body", schema);
      make("pre", pretty(media.schema), make("div", undefined, schema));
    }
    if (taken.length > 1)
      make("p", "Also taken: " + taken.slice(1).map(each => each[0]).join(", "), inner);
    const table = make("table", undefined, inner);
    for (const [status, answer] of Object.entries(about.responses)) {
      const line = make("tr", undefined, table);
      make("td", status, line);
      make("td", answer.description, line);
    }
  }
}
</script>
</body>
</html>
""")
