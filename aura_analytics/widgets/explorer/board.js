// The table of everybody: sorted, filtered, only the rows that are seen are in the page. Ten thousand actors are arrays of numbers.

const BOARD_STYLE = `
.aura-explorer .tools { display: flex; flex-wrap: wrap; gap: 6px; align-items: end; margin: 6px 0; } .aura-explorer .tools label { display: flex; flex-direction: column; color: var(--muted); font-size: 12px; }
.aura-explorer .tools label > * { color: var(--ink); } .aura-explorer .tools input[type=search] { width: 190px; }
.aura-explorer .board { max-height: 396px; overflow: auto; border: 1px solid var(--line); border-radius: 4px; position: relative; overscroll-behavior: contain; }
.aura-explorer .board table { width: max-content; min-width: 100%; } .aura-explorer .board thead th { position: sticky; top: 0; background: var(--ground); z-index: 1; padding: 0; vertical-align: bottom; }
.aura-explorer .board th button { border: 0; border-radius: 0; padding: 4px 8px; font-size: 12px; color: var(--muted); text-align: left; width: 100%; max-width: 150px; white-space: normal; background: none; }
.aura-explorer .board th[aria-sort] button { color: var(--ink); font-weight: 600; }
.aura-explorer .board td { padding: 0 8px; height: 30px; white-space: nowrap; vertical-align: middle; } .aura-explorer .board tbody tr[data-actor] { cursor: pointer; }
.aura-explorer .board tr.pad td { height: auto; padding: 0; border: 0; }
.aura-explorer .board tbody tr[aria-selected=true] { background: color-mix(in srgb, var(--clear) 14%, var(--ground)); }
.aura-explorer .board td.who { max-width: 240px; overflow: hidden; text-overflow: ellipsis; } .aura-explorer .board td.of { color: var(--muted); }
.aura-explorer .board td.num { text-align: right; } .aura-explorer .board td svg { display: inline-block; }
.aura-explorer .board td.num svg { width: 74px; height: 14px; vertical-align: middle; margin-left: 6px; }
.aura-explorer .board td.spark svg { width: 84px; height: 22px; vertical-align: middle; } .aura-explorer .board small { color: var(--muted); }
.aura-explorer .more { margin: 4px 0 0; }
`;

const ROW = 31; // pixels of a row
const RANK = { flag: 0, watch: 1, clear: 2, insufficient: 3, not_judged: 4 };

// numbers as they come from a kernel (bytes), or as text in a page
const numbers = (data) =>
  new Float64Array(
    data instanceof DataView
      ? data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
      : Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer,
  );

/**
 * @param {any} model
 * @param {(selector: string) => any} find
 * @param {{ pick: (actor: string, soon?: boolean) => void, ask: (message: any) => void, changed: () => void }} does
 */
function board(model, find, { pick, ask, changed }) {
  const box = find(".board"),
    head = find(".board thead"),
    body = find(".board tbody"),
    alone = model.get("alone");
  const view = { sort: "", down: true, text: "", verdict: "", kind: "", role: "", queue: "" };
  let people = null,
    columns = {},
    order = [],
    selected = null,
    sparking = null,
    drawn_at = "";

  function load() {
    people = model.get("people");
    columns = {};
    for (const [name, parts] of Object.entries(people.arrays || {}))
      columns[name] = Object.fromEntries(Object.entries(parts).map(([part, data]) => [part, numbers(data)]));
    if (view.sort && view.sort !== "actor" && view.sort !== "verdict" && !columns[view.sort]) view.sort = "";
    const fill = (selector, all, values, words = spoken) => {
      const select = find(selector);
      select.replaceChildren(new Option(all, ""), ...values.map((value) => new Option(words(value), value)));
      select.parentElement.hidden = !values.length;
    };
    fill(
      ".by-verdict",
      "all verdicts",
      Object.keys(RANK).filter((one) => people.verdicts.includes(one)),
    );
    fill(".by-kind", "all kinds", [...new Set(people.kinds)].sort());
    fill(".by-role", "all roles", [...new Set(people.roles.filter((one) => one !== null))].sort(), String);
    fill(".by-queue", "all queues", people.queues.names, String);
    const more = find(".add-column");
    more.replaceChildren(new Option("add a number …", ""), ...people.more.map((one) => new Option(one.title, one.metric)));
    more.parentElement.hidden = alone || !people.more.length;
    drawn_at = "";
    titles();
    choose();
  }

  // what is chosen stands in the fields, and the rows follow
  function choose(given = {}) {
    Object.assign(view, given);
    if (view.sort && !["actor", "verdict"].includes(view.sort) && !columns[view.sort]) view.sort = "";
    find(".search").value = view.text;
    for (const [selector, name] of [
      [".by-verdict", "verdict"],
      [".by-kind", "kind"],
      [".by-role", "role"],
      [".by-queue", "queue"],
    ]) {
      const select = find(selector);
      select.value = view[name];
      if (select.value !== view[name]) select.value = view[name] = "";
    }
    filter();
  }

  function filter() {
    const text = view.text.toLowerCase(),
      queue = people.queues.names.indexOf(view.queue);
    order = [];
    for (let i = 0; i < people.actors.length; i++)
      if (
        (!text || people.actors[i].toLowerCase().includes(text)) &&
        (!view.verdict || people.verdicts[i] === view.verdict) &&
        (!view.kind || people.kinds[i] === view.kind) &&
        (!view.role || people.roles[i] === view.role) &&
        (queue < 0 || people.queues.of[i].includes(queue))
      )
        order.push(i);
    sort();
  }

  // who has no number is last, whichever way it is sorted: nothing known is neither best nor worst
  function sort() {
    const way = view.down ? -1 : 1;
    if (view.sort === "actor") order.sort((a, b) => way * (people.actors[a] < people.actors[b] ? -1 : 1));
    else if (view.sort === "verdict") {
      const known = (i) => Number(RANK[people.verdicts[i]] <= RANK.clear);
      order.sort((a, b) => known(b) - known(a) || -way * (RANK[people.verdicts[a]] - RANK[people.verdicts[b]]) || a - b);
    } else if (view.sort) {
      const { value, n } = columns[view.sort],
        known = (i) => !Number.isNaN(value[i]) && n[i] > 0;
      order.sort((a, b) => Number(known(b)) - Number(known(a)) || (known(a) ? way * (value[a] - value[b]) : 0) || a - b);
    }
    for (const cell of head.querySelectorAll("th[data-sort]")) {
      if (cell.dataset.sort === view.sort) cell.setAttribute("aria-sort", view.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    drawn_at = "";
    draw();
    said();
    changed();
  }

  function said() {
    const lacking = people.total - people.actors.length;
    find(".more").textContent =
      (order.length
        ? `${order.length.toLocaleString("en")} of ${people.total.toLocaleString("en")}`
        : lacking > 0
          ? "Nobody on this page is like that"
          : "Nobody is like that.") +
      (lacking > 0
        ? `. This page holds ${people.actors.length.toLocaleString("en")}, the gravest verdicts first.`
        : order.length
          ? "."
          : "");
  }

  const shown_columns = () => people.columns.filter((one) => columns[one.metric]);

  function titles() {
    const heading = (key, text, title) => {
      const button = element("button", { type: "button", textContent: text, title });
      button.addEventListener("click", () => {
        view.down = view.sort === key ? !view.down : key !== "actor";
        view.sort = key;
        sort();
      });
      const cell = element("th", { scope: "col" }, button);
      cell.dataset.sort = key;
      return cell;
    };
    head.replaceChildren(
      element(
        "tr",
        {},
        heading("actor", "Actor", "By name"),
        heading("verdict", "Verdict", "By how grave it is"),
        element("th", { scope: "col" }, element("button", { type: "button", className: "of-spark", disabled: true })),
        ...shown_columns().map((one) => heading(one.metric, one.short, `${one.title}, with its 95 % interval`)),
      ),
    );
  }

  // an interval on the column's own scale, the same in every row
  function bar(one, parts, i) {
    const low = one.low ?? 0,
      high = one.high ?? one.most,
      at = (v) => (74 * (Math.min(Math.max(v, low), high) - low)) / (high - low || 1);
    const svg = drawn("svg", { viewBox: "0 0 74 14", "aria-hidden": "true" });
    svg.append(drawn("line", { x1: 0, x2: 74, y1: 7, y2: 7, stroke: "var(--line)" }));
    for (const limit of one.limits)
      svg.append(drawn("line", { x1: at(limit), x2: at(limit), y1: 1, y2: 13, stroke: "var(--muted)", "stroke-dasharray": "2 2" }));
    if (!Number.isNaN(parts.lo[i]) && !Number.isNaN(parts.hi[i]))
      svg.append(
        drawn("line", {
          x1: at(parts.lo[i]),
          x2: at(parts.hi[i]),
          y1: 7,
          y2: 7,
          stroke: "var(--ink)",
          "stroke-width": 3,
          opacity: 0.45,
        }),
      );
    svg.append(drawn("circle", { cx: at(parts.value[i]), cy: 7, r: 3, fill: "var(--ink)" }));
    return svg;
  }

  function spark(values) {
    const svg = drawn("svg", { viewBox: "0 0 84 22", "aria-hidden": "true" }),
      one = people.columns.find((column) => column.metric === sparked()),
      known = values.filter((v) => v !== null),
      low = one?.low ?? 0,
      high = one?.high ?? Math.max(...known, 1e-9);
    let piece = [];
    const done = () => {
      if (piece.length > 1)
        svg.append(drawn("polyline", { points: piece.join(" "), fill: "none", stroke: "var(--ink)", "stroke-width": 1.2 }));
      piece = [];
    };
    values.forEach((v, i) => {
      if (v === null) done();
      else piece.push(`${(84 * i) / Math.max(values.length - 1, 1)},${(20 - (18 * (v - low)) / (high - low || 1)).toFixed(1)}`);
    });
    done();
    return svg;
  }

  // the number whose small series are shown: the one that is sorted by, else the first that has one
  const sparked = () => {
    const rolls = shown_columns().filter((one) => one.rolls);
    return (rolls.find((one) => one.metric === view.sort) || rolls[0])?.metric;
  };

  function draw() {
    const top = box.scrollTop,
      first = Math.max(0, Math.floor(top / ROW) - 6),
      last = Math.min(order.length, first + Math.ceil((box.clientHeight || 396) / ROW) + 12),
      now = `${first} ${last}`;
    if (now === drawn_at) return;
    drawn_at = now;
    const cells = shown_columns(),
      pad = (rows) => {
        const row = element(
          "tr",
          { className: "pad" },
          element("td", { colSpan: cells.length + 3, style: `height:${rows * ROW}px` }),
        );
        row.setAttribute("aria-hidden", "true");
        return row;
      };
    for (const one of cells) {
      if (one.high !== null || one.most !== undefined) continue;
      one.most = 1e-9;
      for (const v of columns[one.metric].value) if (v > one.most) one.most = v;
    }
    const held = focused(body)?.dataset?.actor;
    body.replaceChildren(
      ...(first ? [pad(first)] : []),
      ...order.slice(first, last).map((i, k) => row(i, first + k, cells)),
      ...(last < order.length ? [pad(order.length - last)] : []),
    );
    find(".board table").setAttribute("aria-rowcount", String(order.length + 1));
    if (held) [...body.rows].find((one) => one.dataset.actor === held)?.focus({ preventScroll: true });
    sparks();
  }

  function row(i, place, cells) {
    const seen = selected !== null && order.some((one) => people.actors[one] === selected),
      actor = people.actors[i],
      verdict = people.verdicts[i],
      made = element("tr", {});
    made.dataset.actor = actor;
    made.tabIndex = actor === selected || (!seen && place === 0) ? 0 : -1;
    made.setAttribute("aria-selected", String(actor === selected));
    made.setAttribute("aria-rowindex", String(place + 2));
    made.append(
      element("td", { className: "who", title: actor, textContent: actor }),
      element(
        "td",
        {},
        element("span", { textContent: `${MARKS[verdict]} `, style: `color: var(--${verdict})` }),
        spoken(verdict),
        element("small", { textContent: `, ${people.kinds[i]}` }),
      ),
      element("td", { className: "spark" }),
      ...cells.map((one) => {
        const parts = columns[one.metric];
        if (Number.isNaN(parts.value[i]) || parts.n[i] === 0) return element("td", { className: "num", textContent: "–" });
        const cell = element("td", { className: "num" }, exact(parts.value[i], one.unit));
        if (parts.n[i] > 0) cell.append(element("small", { textContent: ` n ${parts.n[i].toLocaleString("en")}` }));
        if (!Number.isNaN(parts.lo[i]) && !Number.isNaN(parts.hi[i])) cell.append(bar(one, parts, i));
        return cell;
      }),
    );
    return made;
  }

  // small series of the rows that are seen, asked for once the table stands still; a page has them with its dossiers
  const kept = {};
  function sparks() {
    const metric = sparked();
    const title = people.columns.find((one) => one.metric === metric);
    find(".of-spark").textContent = title ? `${title.short} over time` : "";
    if (!metric) return;
    const said = alone ? { lines: in_page(metric) } : model.get("sparks"),
      lines = alone || said.metric === metric ? said.lines || {} : {},
      lacking = [];
    for (const one of body.rows) {
      const actor = one.dataset.actor;
      if (!actor) continue;
      if (lines[actor]) one.querySelector(".spark").replaceChildren(spark(lines[actor]));
      else lacking.push(actor);
    }
    clearTimeout(sparking);
    if (lacking.length && !alone && said.asked !== `${metric} ${lacking.join()}`)
      sparking = setTimeout(() => {
        said.asked = `${metric} ${lacking.join()}`; // who has no series is not asked for again
        ask({ by_itself: true, sparks: metric, actors: [...body.rows].map((each) => each.dataset.actor).filter(Boolean) });
      }, 250);
  }

  // a page has readings with their times: they are put on the grid of all readings, and where nothing was observed there is a gap
  function on_grid(line) {
    const grid = people.grid;
    if (!line || !grid) return undefined;
    const values = new Array(grid.count).fill(null);
    line.at.forEach((at, i) => {
      const place = grid.count - 1 - Math.round((grid.end - at) / grid.step);
      if (place >= 0 && place < grid.count) values[place] = line.value[i];
    });
    return values;
  }

  function in_page(metric) {
    const lines = {};
    for (const one of body.rows) {
      const actor = one.dataset.actor;
      if (!actor) continue;
      if (!kept[actor]) {
        const part = document.getElementById(`part-${people.actors.indexOf(actor)}`);
        kept[actor] = part ? JSON.parse(part.textContent).series : {};
      }
      lines[actor] = on_grid(kept[actor][metric]);
    }
    return lines;
  }

  function select(actor) {
    selected = actor;
    for (const one of body.rows) {
      one.setAttribute("aria-selected", String(one.dataset.actor === actor));
      one.tabIndex = one.dataset.actor === actor ? 0 : -1;
    }
  }

  function step(event) {
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (!move && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    const at = order.findIndex((i) => people.actors[i] === selected),
      next = event.key === "Home" ? 0 : event.key === "End" ? order.length - 1 : Math.max(0, Math.min(order.length - 1, at + move));
    if (!order.length) return;
    show(next);
    pick(people.actors[order[next]], true);
    [...body.rows].find((one) => one.dataset.actor === people.actors[order[next]])?.focus({ preventScroll: true });
  }

  function show(place) {
    const top = place * ROW,
      room = (box.clientHeight || 396) - 2 * ROW;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top > box.scrollTop + room) box.scrollTop = top - room;
    draw();
  }

  box.addEventListener("scroll", draw, { passive: true });
  body.addEventListener("click", (event) => {
    const one = event.target.closest("tr[data-actor]");
    if (one) pick(one.dataset.actor);
  });
  for (const [selector, name, kind] of [
    [".search", "text", "input"],
    [".by-verdict", "verdict", "change"],
    [".by-kind", "kind", "change"],
    [".by-role", "role", "change"],
    [".by-queue", "queue", "change"],
  ])
    find(selector).addEventListener(kind, (event) => {
      view[name] = event.target.value;
      box.scrollTop = 0;
      filter();
    });
  find(".add-column").addEventListener("change", (event) => {
    if (event.target.value) ask({ column: event.target.value });
  });

  // the rows that are seen, in their order, as CSV: for a page without a kernel
  function csv() {
    const cell = (value) => {
      const text = value === null || value === undefined || Number.isNaN(value) ? "" : String(value);
      const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
      return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const cells = shown_columns(),
      names = [
        "actor",
        "actor_kind",
        "verdict",
        ...cells.flatMap((one) => [one.metric, `${one.metric}_n`, `${one.metric}_lo`, `${one.metric}_hi`]),
      ];
    const rows = order.map((i) => [
      people.actors[i],
      people.kinds[i],
      people.verdicts[i],
      ...cells.flatMap((one) => ["value", "n", "lo", "hi"].map((part) => columns[one.metric][part][i])),
    ]);
    return [names, ...rows].map((line) => line.map(cell).join(",")).join("\n");
  }

  return {
    load,
    choose,
    select,
    step,
    sparks,
    csv,
    view,
    stop: () => clearTimeout(sparking),
    actors: () => order.map((i) => people.actors[i]),
    has: (actor) => people.actors.includes(actor),
    place: (actor) => people.actors.indexOf(actor),
    reveal: (actor) => {
      const at = order.findIndex((i) => people.actors[i] === actor);
      if (at >= 0) show(at);
    },
  };
}
