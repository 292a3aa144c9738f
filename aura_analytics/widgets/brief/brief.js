// One page for the head of a department. It lives in a page alone; everything that it shows was counted when it was written.

const STYLE = `
.aura-brief { max-width: 900px; font-size: 15px; border: 0; } .aura-brief h2 { font-size: 19px; margin: 26px 0 6px; } .aura-brief h1 { font-size: 24px; margin: 0 0 4px; }
.aura-brief .who { border: 1px solid var(--line); border-left: 5px solid var(--flag); border-radius: 4px; padding: 6px 12px; margin: 8px 0; break-inside: avoid; } .aura-brief .who.watch { border-left-color: var(--watch); }
.aura-brief .who h3 { overflow-wrap: anywhere; } .aura-brief ul { margin: 4px 0; padding-left: 20px; } .aura-brief svg { width: 100%; height: auto; display: block; font-size: 11px; } .aura-brief figure { margin: 8px 0; break-inside: avoid; }
.aura-brief circle[data-actor] { cursor: pointer; } .aura-brief .big { font-size: 21px; font-weight: 600; } .aura-brief input[type=range] { width: 100%; accent-color: var(--clear); }
.aura-brief .cases-of { border: 1px solid var(--line); border-radius: 4px; padding: 6px 12px; } .aura-brief figcaption { color: var(--muted); font-size: 13px; } .aura-brief details { margin: 6px 0; }
@media print { .aura-brief .cases-of, .aura-brief .live { display: none; } }
`;

function render({ model, el }) {
  const get = (name) => model.get(name),
    people = get("people"),
    root = element("section", { className: "aura aura-brief" });
  root.setAttribute("aria-label", get("title"));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => root.classList.toggle("dark", dark.matches);
  theme();
  dark.addEventListener("change", theme);
  const text = (tag, words, more = {}) => element(tag, { textContent: words, ...more }),
    list = (items) => element("ul", {}, ...items.map((one) => text("li", one))),
    tally = get("tally"),
    named = people.filter((one) => one.verdict === "flag" || one.verdict === "watch"),
    whole = Object.values(tally).reduce((sum, n) => sum + n, 0);

  const one_person = (one) => {
    const box = element("div", { className: `who ${one.verdict}` }, text("h3", `${MARKS[one.verdict]} ${one.actor}: ${one.words}`));
    box.append(list(one.reasons));
    if (one.would_clear.length) box.append(text("span", "What would clear it:"), list(one.would_clear));
    const see = text("button", "See the cases", { type: "button", className: "live" });
    see.addEventListener("click", () => open(one.actor, one.metrics[0]));
    box.append(see);
    return box;
  };

  // one line of dots: this window above, the one before below, so that the same person stands under themselves
  function strip(axis) {
    const now = people.filter((one) => one.now[axis.metric]),
      width = 860,
      height = 128,
      pad = { left: 116, right: 26 },
      known = people.flatMap((one) => [one.now[axis.metric], one.before[axis.metric]]).filter(Boolean),
      low = axis.low ?? 0,
      high = Number(axis.high ?? marks(Math.max(...known.map((v) => v.value), 1)).pop()),
      px = (v) => pad.left + ((Math.min(Math.max(v, low), high) - low) / (high - low || 1)) * (width - pad.left - pad.right),
      said = `${axis.title} of ${now.length} ${get("who")}; ${axis.limits.length ? `the policy's ${axis.limits.length > 1 ? "lines are" : "line is"} ${axis.limits.map((v) => exact(v, axis.unit)).join(" and ")}` : "no line"}.`,
      svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": said });
    for (const { when, y, words } of [
      { when: "now", y: 38, words: `up to ${get("ends")[0]}` },
      { when: "before", y: 88, words: `up to ${get("ends")[1]}` },
    ]) {
      svg.append(drawn("text", { x: 0, y: y + 4, fill: "var(--muted)" }, words));
      svg.append(drawn("line", { x1: pad.left, x2: width - pad.right, y1: y, y2: y, stroke: "var(--line)" }));
      for (const verdict of ["insufficient", "clear", "watch", "flag"])
        for (const one of people.filter((each) => each.verdict === verdict && each[when][axis.metric])) {
          const v = one[when][axis.metric],
            words_of = `${one.actor}, ${when === "now" ? "this window" : "the one before"}: ${exact(v.value, axis.unit)}${v.lo === null || v.lo === undefined || v.hi === null || v.hi === undefined ? "" : ` (${exact(v.lo, axis.unit)} to ${exact(v.hi, axis.unit)})`}, n = ${v.n}`,
            dot = drawn("circle", {
              cx: px(v.value),
              cy: y + jitter(one.actor),
              r: verdict === "flag" || verdict === "watch" ? 6 : 4,
              fill: `var(--${when === "now" ? verdict : "muted"})`,
              opacity: when === "now" ? 0.9 : 0.5,
              tabindex: 0,
              role: "button",
              "aria-label": `${words_of}. Opens the cases.`,
              "data-actor": one.actor,
            });
          dot.append(drawn("title", {}, words_of));
          dot.addEventListener("click", () => open(one.actor, axis.metric, when));
          dot.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
              event.preventDefault();
              open(one.actor, axis.metric, when);
            }
          });
          if (when === "now" && (verdict === "flag" || verdict === "watch"))
            svg.append(
              drawn("text", { x: px(v.value), y: y - 14, "text-anchor": "middle", fill: "var(--ink)" }, one.actor.split("@")[0]),
            );
          svg.append(dot);
        }
    }
    for (const limit of axis.limits)
      svg.append(drawn("line", { x1: px(limit), x2: px(limit), y1: 18, y2: 106, stroke: "var(--ink)", "stroke-dasharray": "5 4" }));
    for (let i = 0; i <= 4; i++) {
      const v = low + (i / 4) * (high - low);
      svg.append(drawn("text", { x: px(v), y: height - 6, "text-anchor": "middle", fill: "var(--muted)" }, shown(v, axis.unit)));
    }
    return element("figure", {}, text("figcaption", said), svg);
  }

  const jitter = (name) => {
    let sum = 0;
    for (const c of name) sum = (sum * 31 + c.charCodeAt(0)) % 997;
    return (sum % 13) - 6;
  };

  const cases = element("div", { className: "cases-of", hidden: true, tabIndex: -1 });
  cases.setAttribute("role", "region");
  cases.setAttribute("aria-label", "Cases");
  function open(actor, metric, when = "now") {
    const place = people.findIndex((one) => one.actor === actor),
      part = document.getElementById(`part-${place}`),
      before = document.getElementById(`part-${place + people.length}`);
    if (!part) return;
    const detail = JSON.parse(part.textContent),
      tables = when === "now" || !before ? detail.behind : JSON.parse(before.textContent),
      choices = when === "now" ? detail.cards.map((one) => ({ metric: one.metric, title: one.title })) : get("metrics"),
      known = choices.filter((one) => tables[one.metric]?.total),
      chosen = known.find((one) => one.metric === metric) || known[0];
    cases.hidden = false;
    root.dataset.opened = actor;
    const time = `${get("window")} up to ${get("ends")[when === "now" ? 0 : 1]}`;
    if (!chosen) {
      cases.replaceChildren(text("h3", actor), text("p", `No cases in the ${time}.`));
      return;
    }
    const behind = tables[chosen.metric],
      axis = get("metrics").find((one) => one.metric === chosen.metric),
      card = when === "now" ? detail.cards.find((one) => one.metric === chosen.metric) : null,
      v = people[place].before[chosen.metric],
      value = card
        ? `${card.value} ${card.unit}${card.interval ? ` (${card.interval})` : ""}`
        : axis && v
          ? exact(v.value, axis.unit)
          : "",
      select = element("select", {}, ...known.map((one) => new Option(one.title, one.metric, false, one.metric === chosen.metric)));
    select.setAttribute("aria-label", "Behind which number");
    select.addEventListener("change", () => open(actor, select.value, when));
    const row = (kind, texts) => element("tr", {}, ...texts.map((one) => element(kind, { textContent: one })));
    const table = element(
      "div",
      { className: "scroll", tabIndex: 0 },
      element(
        "table",
        {},
        element("thead", {}, row("th", behind.columns)),
        element("tbody", {}, ...behind.rows.map((one) => row("td", one))),
      ),
    );
    table.setAttribute("role", "region");
    table.setAttribute("aria-label", "Cases behind the number");
    cases.replaceChildren(
      text("h3", `${actor}, ${time}`),
      text(
        "p",
        `${value}, ${many(behind.total, "observation")}${behind.rows.length < behind.total ? `, the last ${behind.rows.length}` : ""}`,
      ),
      select,
      table,
    );
    cases.scrollIntoView({ block: "nearest" });
    cases.focus({ preventScroll: true });
  }

  // how often the rule would be wrong, as its line is moved
  function wrong() {
    const curve = get("curve");
    if (curve.never) return text("p", "It flags nobody: its rules are reasons to look, and no more.");
    if (!curve.value)
      return text(
        "p",
        "How often this rule is wrong cannot be counted in worlds side by side; aura rules measure plays them one by one.",
      );
    const at = curve.value.indexOf(curve.stands),
      input = element("input", { type: "range", min: 0, max: curve.value.length - 1, step: 1, value: Math.max(at, 0) }),
      big = element("p", { className: "big", role: "status" }),
      rest = element("p", {});
    input.setAttribute("aria-label", `${curve.label}, ${curve.word}`);
    const number = (v) => (v === null ? "–" : v >= 10 ? v.toFixed(0) : v.toFixed(1));
    const say = () => {
      const i = Number(input.value),
        who = curve.flagged[i],
        value = exact(curve.value[i], curve.unit);
      input.setAttribute("aria-valuetext", value);
      big.textContent = `With the line at ${value}: of 100 who do well it accuses ${number(curve.false[i])} within ${curve.days} days (${number(curve.lo[i])} to ${number(curve.hi[i])}).`;
      rest.textContent = `${curve.missed[i] === null ? "" : `Of those made to do badly it misses ${exact(curve.missed[i], "fraction")}. `}Here it would flag ${who.length ? `${who.length}: ${who.slice(0, 12).join(", ")}${who.length > 12 ? ", ..." : ""}` : "nobody"}. All lines on this number move together${curve.value[i] === curve.stands ? "; this is the rule as it stands" : ""}.`;
      root.dataset.line = String(curve.value[i]);
    };
    input.addEventListener("input", say);
    say();
    return element(
      "div",
      {},
      big,
      element("label", { className: "live" }, text("span", `${curve.label}, ${curve.word}`), input),
      rest,
      text(
        "p",
        `Counted in ${many(curve.worlds, "world")} of ${curve.scenario} whose truth is known, ${curve.days} days each, read every ${curve.every} days, with 95 % limits. A real office may differ.`,
        { className: "said" },
      ),
    );
  }

  const unknown = tally.insufficient;
  root.append(
    element("style", { textContent: LOOK + STYLE }),
    text("h1", get("title")),
    text("p", `${get("window")} up to ${get("ends")[0]}, beside the ${get("window")} before. ${whole} judged.`, {
      className: "said",
    }),
    text("h2", "Who needs a conversation?"),
    text(
      "p",
      named.length
        ? `${tally.flag} flagged, ${tally.watch} to look at, of ${whole}. A conversation begins with their cases, not with this page.`
        : "Nobody, by this rule.",
    ),
    text("h2", "Why?"),
    ...named.map(one_person),
    ...(named.length ? [] : [text("p", "No condition of a rule is met.")]),
    text("h2", "How sure are we?"),
    text(
      "p",
      !whole
        ? "Nobody was judged, so nothing can be said."
        : unknown
          ? `Of ${unknown} of ${whole} too little is known to say anything; they are neither cleared nor accused.`
          : "Of everybody enough is known for the rule to say something.",
    ),
    ...get("metrics").map(strip),
    text(
      "p",
      `Every dot is one of them; one that is pointed at says its interval, one that is pressed opens its cases.${get("left") ? ` ${get("left")} more are not drawn.` : ""}`,
      { className: "said live" },
    ),
    cases,
    text("h2", "How often would this rule accuse somebody who does well?"),
    wrong(),
    element("details", {}, text("summary", "The rule"), text("p", get("policy"))),
  );
  el.append(root);
  root.dataset.painted = "1";
}

export default { render };
