// SPDX-License-Identifier: Apache-2.0
// The list of recordings: search, filter, sort; a click on a row opens its plot and its sound.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const PAGE = 200;
const byId = (id) => document.getElementById(id);

// A node with attributes and children; texts are texts, never markup.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// Labels of a few windows or events, or how many there are.
const few = (list, what) => (list.length > 6 ? `${list.length} ${what}` : list.map((one) => one[0]).join(", "));

for (const r of data.recordings) {
  r.pieces = (r.sounds || []).map(([start_s, text]) => ({ start_s, data: text }));
  r.isWrong = r.mistakes.length > 0;
  r.text = [r.name, r.expected, r.result, ...r.mistakes.map((m) => m[0]), ...Object.values(r.slices)].join(" ").toLowerCase();
  r.truth = r.expected || few(r.windows, "words");
  r.said = few(r.events, "events");
  r.why = r.mistakes.length > 3 ? `${r.mistakes.length} mistakes` : r.mistakes.map(([what, at]) => what + (at === null ? "" : ` at ${clock(at, 1)}${at < 60 ? " s" : ""}`)).join("; ");
  r.latency = r.latency_ms.length ? Math.max(...r.latency_ms) : null;
}

const columns = [
  ["recording", (r) => r.name], ["expected", (r) => r.truth], ["heard", (r) => r.result], ["mistakes", (r) => r.why],
  ["events", (r) => r.said], ["latency", (r) => r.latency],
];
if (data.has_baseline) columns.splice(3, 0, ["before", (r) => (r.before ? r.before.result : "new")]);

const state = { search: "", only: "all", expected: "", heard: "", slices: {}, sort: null, isDown: false, shown: PAGE };

function isChosen(r) {
  return (state.only !== "mistakes" || r.isWrong) && (state.only !== "changed" || (r.before ? r.before.changed : true))
    && (!state.expected || r.expected === state.expected || r.windows.some((w) => w[0] === state.expected))
    && (!state.heard || r.heard === state.heard || (r.heard === null && r.events.some((e) => e[0] === state.heard)))
    && Object.entries(state.slices).every(([name, value]) => !value || r.slices[name] === value)
    && state.search.split(/\s+/).every((word) => r.text.includes(word));
}

function chosen() {
  const rows = data.recordings.filter(isChosen);
  if (state.sort !== null) {
    const key = columns[state.sort][1], sign = state.isDown ? -1 : 1;
    rows.sort((a, b) => {
      const x = key(a), y = key(b);
      if (x === y) return 0;
      if (x === null || x === "") return 1;
      if (y === null || y === "") return -1;
      return sign * (typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true }));
    });
  }
  return rows;
}

function select(name, values, current, onPick) {
  const node = make("select", { "aria-label": name, onchange: (e) => { onPick(e.target.value); refresh(); } }, make("option", { value: "" }, `any ${name}`));
  for (const value of values) node.append(make("option", { value }, value));
  node.value = current;
  return node;
}

const distinct = (values) => [...new Set(values.filter((value) => value))].sort();

function drawFilters() {
  const count = { all: data.recordings.length, mistakes: data.recordings.filter((r) => r.isWrong).length };
  if (data.has_baseline) count.changed = data.recordings.filter((r) => !r.before || r.before.changed).length;
  const kinds = Object.entries(count).map(([kind, number]) =>
    make("button", { type: "button", "aria-pressed": String(state.only === kind), "data-only": kind, onclick: () => { state.only = kind; refresh(); } }, `${kind} ${number}`));
  const labels = distinct(data.recordings.flatMap((r) => [r.expected, ...r.windows.map((w) => w[0])]));
  const heard = distinct(data.recordings.flatMap((r) => (r.heard === null ? r.events.map((e) => e[0]) : [r.heard])));
  const values = (name) => distinct(data.recordings.map((r) => r.slices[name]));
  const slices = distinct(data.recordings.flatMap((r) => Object.keys(r.slices))).filter((name) => values(name).length > 1);
  byId("filters").replaceChildren(
    ...kinds,
    select("expected", labels, state.expected, (value) => { state.expected = value; }),
    select("heard", heard, state.heard, (value) => { state.heard = value; }),
    ...slices.map((name) => select(name, values(name), state.slices[name] || "", (value) => { state.slices[name] = value; })),
    make("button", { type: "button", class: "plain", onclick: () => { Object.assign(state, { only: "all", expected: "", heard: "", slices: {}, search: "" }); byId("search").value = ""; refresh(); } }, "clear"),
  );
}

function head() {
  return make("tr", {}, ...columns.map(([name], index) => {
    const order = state.sort === index ? (state.isDown ? "descending" : "ascending") : "none";
    const sort = () => { state.isDown = state.sort === index && !state.isDown; state.sort = index; refresh(); };
    return make("th", { "aria-sort": order }, make("button", { type: "button", onclick: sort }, name));
  }));
}

function row(r) {
  const cells = columns.map(([name, key]) => {
    const value = key(r), text = value === null ? "" : name === "latency" ? `${value} ms` : String(value);
    const shown = text.length > 90 ? `${text.slice(0, 88)} …` : text;
    const isBad = (name === "heard" || name === "mistakes") && r.isWrong;
    return make("td", { "data-name": name, class: isBad ? "wrong" : null }, name === "recording" ? make("code", {}, shown) : shown);
  });
  const line = make("tr", { tabindex: "0", class: "row", "aria-expanded": "false", onclick: () => toggle(line, r), onkeydown: (e) => {
    if (e.target === line && (e.key === "Enter" || e.key === " ")) { e.preventDefault(); toggle(line, r); }
  } }, ...cells);
  return line;
}

function refresh() {
  player.stop();
  const rows = chosen();
  drawFilters();
  byId("count").textContent = `${rows.length} of ${data.recordings.length} recordings`;
  byId("rows").replaceChildren(...rows.slice(0, state.shown).map(row));
  byId("head").replaceChildren(head());
  byId("more").hidden = rows.length <= state.shown;
  byId("more").textContent = `${rows.length - state.shown} more`;
}

function toggle(line, r) {
  player.stop();
  const isOpen = line.getAttribute("aria-expanded") === "true";
  for (const open of document.querySelectorAll("tr.detail")) open.remove();
  for (const other of document.querySelectorAll('tr.row[aria-expanded="true"]')) other.setAttribute("aria-expanded", "false");
  if (isOpen) return;
  line.setAttribute("aria-expanded", "true");
  const cell = make("td", { colspan: String(columns.length) });
  line.after(make("tr", { class: "detail" }, cell));
  if (r.plot) showRecording(cell, r, data);
  else cell.append(...r.mistakes.map(([why]) => make("p", {}, why)));
}

for (const cell of document.querySelectorAll("[data-expected]")) {
  cell.addEventListener("click", () => {
    Object.assign(state, { only: "all", expected: cell.dataset.expected, heard: cell.dataset.heard, search: "", shown: PAGE });
    refresh();
    byId("recordings").scrollIntoView({ behavior: "smooth" });
  });
}
byId("search").addEventListener("input", (e) => { state.search = e.target.value.toLowerCase(); state.shown = PAGE; refresh(); });
byId("more").addEventListener("click", () => { state.shown += PAGE; refresh(); });
if (data.recordings.some((r) => r.isWrong)) state.only = "mistakes";
refresh();
if (byId("rows").firstChild) toggle(byId("rows").firstChild, chosen()[0]);
