// The console's only script: takes the parts that the gateway sends and puts them in place.
"use strict";

const PARTS = ["verdict", "effects", "drift", "arms", "health", "blocked"];
const SILENT = 45000; // ms without a word after which a connection counts as lost
const AGAIN = 3000; // ms until a refused connection is tried again

const place = (id) => document.getElementById(id);
const dialog = place("cell");
let source = null;
let heard = null;
let opened = null;
let asking = false;
let asked = false;

// Changes `old` into `wanted` where they differ, so that focus, scrolling and selection stay.
function morph(old, wanted) {
  const before = [...old.childNodes];
  const after = [...wanted.childNodes];
  after.forEach((node, index) => {
    const present = before[index];
    if (!present) {
      old.append(node);
    } else if (!alike(present, node)) {
      present.replaceWith(node);
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      dress(present, node);
      morph(present, node);
    } else if (present.data !== node.data) {
      present.data = node.data;
    }
  });
  before.slice(after.length).forEach((node) => node.remove());
}

function alike(one, other) {
  return one.nodeName === other.nodeName && one.id === other.id;
}

function dress(present, wanted) {
  for (const { name, value } of [...wanted.attributes]) {
    if (present.getAttribute(name) !== value) present.setAttribute(name, value);
  }
  for (const { name } of [...present.attributes]) {
    if (!wanted.hasAttribute(name)) present.removeAttribute(name);
  }
}

function put(id, markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  const focused = document.activeElement && document.activeElement.id;
  morph(place(id), template.content);
  // A cell that moved was made anew: whoever stood on it stands on it again.
  if (focused && document.activeElement.id !== focused && place(focused)) place(focused).focus();
}

function tell(state, words) {
  const link = place("link");
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  put("link", "<span></span>");
  link.firstChild.textContent = words;
}

function clock(moment) {
  return moment.toISOString().slice(11, 19) + " UTC";
}

function lost() {
  const words = heard ? `no word from the gateway since ${clock(heard)}; all of this is from then` : "no gateway answers";
  tell("stale", words);
}

function connect() {
  source = new EventSource("/console/events");
  for (const part of PARTS) {
    source.addEventListener(part, (event) => {
      heard = new Date();
      tell("live", "live");
      put(part, event.data);
      if (part === "effects" || part === "health") refresh();
    });
  }
  source.addEventListener("error", () => {
    lost();
    // A refusal ends an EventSource for good, a broken connection does not.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN);
  });
}

setInterval(() => {
  if (heard && Date.now() - heard > SILENT && source.readyState === EventSource.OPEN) {
    source.close();
    lost();
    connect();
  }
}, 5000);

// One effect in full.
function open(key) {
  opened = key;
  const [defense, measure] = key.split("/");
  place("cell-heading").textContent = `${measure} under ${defense}`;
  place("told").textContent = "Asking.";
  dialog.showModal();
  place("cell-heading").focus();
  refresh();
}

async function refresh() {
  if (opened === null) return;
  if (asking) {
    asked = true;
    return;
  }
  asking = true;
  const key = opened;
  try {
    const answer = await fetch(`/console/effect?key=${encodeURIComponent(key)}`);
    const markup = await answer.text();
    if (key === opened && answer.ok) put("told", markup);
    else if (key === opened && !place("told").querySelector("table")) place("told").textContent = markup;
  } catch {
    // The connection says by itself that nobody answers; what is shown stays.
  } finally {
    asking = false;
    if (asked || (opened !== null && opened !== key)) {
      asked = false;
      refresh();
    }
  }
}

document.addEventListener("click", (event) => {
  const cell = event.target.closest("button[data-key]");
  if (cell) open(cell.dataset.key);
});
place("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => {
  const key = opened;
  opened = null;
  const cell = place(`cell-${key}`);
  if (cell) cell.focus();
});

connect();
