/* global about */
const at = (id) => document.getElementById(id);
const WORDS = { flag: "🚨 PIP", watch: "a reason to look", clear: "✅ Good", insufficient: "cannot be told" };
const board = new Map();
let seq = 0;
let total = 0;
let source = null;

function made(tag, text, name) {
  const one = document.createElement(tag);
  if (text !== undefined) one.textContent = text;
  if (name) one.className = name;
  return one;
}

async function asked(path, options) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail || `the server answered ${answer.status}`);
  return body;
}

function said(value, low, high, n, unit) {
  if (value === null || value === undefined || !n) return ["–", "no observations"];
  const form = unit === "%" ? (x) => `${(100 * x).toFixed(0)} %` : (x) => x.toFixed(1);
  const between = low === null || low === undefined ? "" : `${form(low)} to ${form(high)}, `;
  return [form(value), `${between}n = ${n.toLocaleString("en")}`];
}

function cell(name, row, key, unit) {
  const [value, how] = said(row[key], row[`${key}_lo`], row[`${key}_hi`], row[`${key}_n`], unit);
  const one = made("td", value);
  one.dataset.name = name;
  one.append(made("span", how, "n"));
  return one;
}

function line(row) {
  const one = document.createElement("tr");
  one.dataset.actor = row.actor;
  const who = made("td");
  who.dataset.name = "Actor";
  const open = made("button", row.actor, "actor");
  open.type = "button";
  open.addEventListener("click", () => show(row.actor));
  who.append(open);
  const status = made("td", WORDS[row.status] || row.status, row.status);
  status.dataset.name = "Status";
  one.append(
    who,
    cell("Avg Hours", row, "avg_processing_hours", "h"),
    cell("Override %", row, "override_rate", "%"),
    cell("SAT ★", row, "sat_score_mean", "★"),
    status,
  );
  return one;
}

function shown() {
  const text = at("text").value.trim().toLowerCase();
  const verdict = at("verdict").value;
  return [...board.values()].filter((row) => row.actor.toLowerCase().includes(text) && (!verdict || row.status === verdict));
}

function draw() {
  const rows = shown();
  at("rows").replaceChildren(...rows.map(line));
  if (!rows.length) {
    const none = made("td", board.size ? "Nobody is like that." : "No dossiers yet: record an event, and it appears here.");
    none.colSpan = 5;
    const empty = made("tr");
    empty.append(none);
    at("rows").append(empty);
  }
  const flagged = [...board.values()].filter((row) => row.status === "flag");
  at("banner").hidden = !flagged.length;
  at("banner").textContent = flagged.length
    ? `${flagged.length === 1 ? "One dossier recommends" : `${flagged.length} dossiers recommend`} an improvement plan: ${flagged
        .slice(0, 5)
        .map((row) => row.actor)
        .join(", ")}. A person decides.`
    : "";
  at("more").textContent =
    total > board.size
      ? `${board.size.toLocaleString("en")} of ${total.toLocaleString("en")} are shown; the gravest verdicts first.`
      : "";
}

async function read() {
  const found = await asked("dossiers?limit=500");
  board.clear();
  for (const row of found.actors) board.set(row.actor, row);
  seq = Math.max(seq, found.seq);
  total = found.total;
  at("said").textContent = found.policy_says;
  draw();
}

let waiting = null;
const fresh = new Set();
function later(actor) {
  fresh.add(actor);
  if (waiting) return;
  waiting = setTimeout(async () => {
    const some = new Set(fresh);
    fresh.clear();
    try {
      await read();
      for (const one of document.querySelectorAll("#rows tr")) one.classList.toggle("changed", some.has(one.dataset.actor));
      at("state").textContent = `Live. Last change: ${new Date().toLocaleTimeString("en-GB")}`;
    } catch (error) {
      lost(error);
    }
    waiting = null;
    if (fresh.size) later([...fresh][0]);
  }, 400);
}

function lost(error) {
  at("state").textContent = `Not live: ${error.message}. What is shown may be old.`;
}

function follow() {
  source = new EventSource(`live?after=${seq}`);
  source.addEventListener("open", () => {
    at("state").textContent = "Live.";
  });
  source.addEventListener("dossier", (event) => {
    const frame = JSON.parse(event.data);
    seq = frame.seq;
    if (frame.actor !== null) later(frame.actor);
  });
  source.addEventListener("error", () => {
    lost(new Error("the connection is lost, and is tried again"));
    if (source.readyState === EventSource.CLOSED) setTimeout(() => read().then(follow, lost), 3000);
  });
}

function entry(list, name, value) {
  if (value === undefined || value === null) return;
  list.append(made("dt", name), made("dd", Array.isArray(value) ? value.join("; ") : String(value)));
}

async function show(actor) {
  at("who").textContent = actor;
  at("body").replaceChildren(made("p", "Reading …"));
  at("dossier").showModal();
  try {
    const found = await asked(`dossier/${encodeURIComponent(actor)}`);
    if (at("who").textContent !== actor) return;
    const list = made("dl");
    const share = (x) => (x === null || x === undefined ? x : `${(100 * x).toFixed(0)} %`);
    entry(list, "Verdict", WORDS[found.pip_status] || found.pip_status);
    entry(
      list,
      "Override rate",
      `${share(found.override_rate)} (${share(found.override_rate_lo)} to ${share(found.override_rate_hi)}, n = ${found.override_rate_n})`,
    );
    entry(
      list,
      "Average hours",
      found.avg_processing_hours === null
        ? "no observations"
        : `${found.avg_processing_hours.toFixed(1)} (n = ${found.avg_processing_hours_n})`,
    );
    entry(
      list,
      "Satisfaction",
      found.sat_score_mean === null ? "no observations" : `${found.sat_score_mean.toFixed(1)} (n = ${found.sat_score_mean_n})`,
    );
    entry(list, "The tracker's rule", found.pip_recommended ? "recommends a plan" : "recommends none");
    entry(list, "Reasons", found.pip_reasons);
    entry(list, "Warnings", found.warnings?.length ? found.warnings : null);
    entry(list, "As of", found.as_of);
    const parts = [list];
    if (found.pip_status === "flag") parts.push(planButton(actor));
    at("body").replaceChildren(...parts);
  } catch (error) {
    at("body").replaceChildren(made("p", error.message, "flag"));
  }
}

function planButton(actor) {
  const start = made("button", "Start Improvement Plan");
  start.id = "plan";
  start.type = "button";
  start.addEventListener("click", async () => {
    try {
      start.replaceWith(planForm(actor, await asked(`plan/${encodeURIComponent(actor)}`)));
    } catch (error) {
      start.after(made("p", error.message, "flag"));
    }
  });
  return start;
}

function planForm(actor, plan) {
  const form = made("section");
  form.append(made("h3", `Improvement plan for ${plan.actor}`));
  const list = made("dl");
  entry(list, "From", plan.starts);
  entry(list, "To", plan.ends);
  entry(list, "Why", plan.reasons);
  entry(
    list,
    "Goals",
    plan.goals.map((goal) => `${goal.title}: ${goal.aim}`),
  );
  entry(list, "Ends before its time when", plan.exit_criterion);
  entry(list, "Measures", plan.measures);
  form.append(list);
  if (!about.signs) {
    form.append(made("p", "Somebody who may sign proposes it, with a key of their own."));
    return form;
  }
  const send = made("button", "Propose this plan");
  send.type = "button";
  send.addEventListener("click", async () => {
    send.disabled = true;
    try {
      const done = await asked(`plan/${encodeURIComponent(actor)}`, { method: "POST" });
      send.replaceWith(made("p", `Proposed (${done.name}); somebody else signs it.`));
    } catch (error) {
      send.disabled = false;
      send.after(made("p", error.message, "flag"));
    }
  });
  form.append(send);
  return form;
}

at("text").addEventListener("input", draw);
at("verdict").addEventListener("change", draw);
at("filter").addEventListener("submit", (event) => event.preventDefault());
read().then(follow, lost);
