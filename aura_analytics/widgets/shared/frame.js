// The frame of a widget: heading, sentence, places for an error and for what the kernel owes; keys stay inside, and the theme is followed.

const SOON = 700; // milliseconds after which it is said that the kernel is waited for
const LONG = 10000; // after which it is said that it may be gone
// questions that only a later one of the same name replaces
const AGAIN = ["look", "pick", "beside", "line", "behind", "column", "plan", "audits", "file", "heat", "keep", "author"];
const ABOUT = ["beside", "line", "behind", "audits"]; // of these, what is about the open dossier: a pick of another ends them

// a key with a modifier is the notebook's (Ctrl+S saves), but for what edits a text
const EDITS = ["a", "c", "v", "x", "z", "y", "ArrowLeft", "ArrowRight", "Backspace", "Delete", "Home", "End"];
function belongs(event) {
  if (!(event.ctrlKey || event.metaKey || event.altKey)) return true;
  const field = event.composedPath()[0];
  const typing = ["TEXTAREA", "INPUT"].includes(field.tagName) && !["range", "checkbox"].includes(field.type);
  return typing && EDITS.includes(event.key);
}

function frame({ model, el }, name, label, style, html, { retheme = () => {}, pressed = (_) => {}, owed = (_) => {} } = {}) {
  const root = element("section", { className: `aura aura-${name}` });
  root.setAttribute("aria-label", label);
  const top = model.get("alone") ? "h2" : "h3"; // a page has a heading above it
  root.innerHTML = `<style>${LOOK}${style}</style><${top} class="title"></${top}><p class="said" role="status" aria-live="polite"></p><p class="waits" role="status" aria-live="polite" hidden></p><p class="error" role="alert" hidden></p>${html}`;
  // notebooks take keys for themselves, some before a widget hears of them: what is pressed in here is kept in here, from the very first on;
  // what a key does by itself (move a slider, press a button) it does all the same
  const kinds = ["keydown", "keypress", "keyup"],
    keep = (event) => {
      if (!event.composedPath().includes(root)) return;
      if (!belongs(event)) {
        // a notebook hears no shortcut from inside a widget: it is told beside it
        const deaf = el.closest?.("[data-lm-suppress-shortcuts]");
        if (deaf?.parentElement && event.isTrusted && !event.defaultPrevented) {
          const again = new KeyboardEvent(event.type, event);
          if (!deaf.parentElement.dispatchEvent(again)) event.preventDefault();
        }
        return;
      }
      event.stopImmediatePropagation();
      if (event.type === "keydown") pressed(event);
    };
  for (const kind of kinds) window.addEventListener(kind, keep, true);
  el.append(root);
  const dark = () => {
    const ground = getComputedStyle(root)
      .backgroundColor.match(/[\d.]+/g)
      ?.map(Number) || [255, 255, 255];
    root.classList.toggle("dark", 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2] < 128);
  };
  const theme = () => {
    dark();
    retheme();
  };
  const find = (selector) => root.querySelector(selector);
  find(".title").textContent = model.get("title");
  const failed = () => {
    const text = model.get("failed")?.text || "";
    find(".error").hidden = !text;
    find(".error").textContent = text;
  };
  failed();
  model.on("change:failed", failed);
  dark();
  // a widget is made before it is in the page: its ground is known when it has a size
  const sized = new ResizeObserver(theme);
  sized.observe(root);
  const outer = new MutationObserver(theme);
  for (const node of [document.documentElement, document.body])
    outer.observe(node, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "style"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", theme);

  // what was asked and not answered yet: a busy kernel answers late, one that is gone never does
  const alone = model.get("alone");
  let at = 0,
    since = 0,
    ticking = null;
  const pending = () => !alone && at > model.get("answered");
  const beating = () => !alone && model.get("here") > model.get("heard");
  function tell() {
    const waits = pending() || beating(),
      for_ms = waits ? Date.now() - since : 0,
      box = find(".waits"),
      state = !waits ? "" : for_ms > LONG ? "lost" : pending() ? "pending" : "";
    if (!waits) {
      clearInterval(ticking);
      ticking = null;
    }
    if (root.dataset.kernel !== state) {
      root.dataset.kernel = state;
      owed(state);
    }
    box.hidden = !state || for_ms < SOON;
    box.className = `waits ${state}`;
    if (!box.hidden)
      box.textContent =
        state === "lost"
          ? `The kernel has not answered for ${Math.round(for_ms / 1000)} s: it is busy, or it is gone. If it was restarted, run the cell again.`
          : "Waiting for the kernel …";
  }
  function wait() {
    if (alone) return;
    if (!ticking) {
      since = Date.now();
      ticking = setInterval(tell, 250);
    }
    tell();
  }
  model.on("change:answered", tell);
  model.on("change:heard", tell);
  // of several questions to a busy kernel only the last one is sent: the last of each name that was passed over is asked again, in turn
  const unheard = new Map();
  const ask = (message) => {
    at = Math.max(Date.now(), at + 1);
    const question = { ...message, at },
      name = AGAIN.find((one) => one in message);
    if (name === "pick") for (const one of ABOUT) unheard.delete(one);
    if (name) unheard.set(name, question);
    model.set("asked", question);
    model.save_changes();
    wait();
    return at;
  };
  model.on("change:answered", () => {
    const answered = model.get("answered");
    for (const [name, message] of unheard) if (message.at === answered) unheard.delete(name);
    const next = [...unheard.values()].find((message) => message.at < answered);
    if (next && !pending()) ask(next);
  });
  // is anybody there? asked again and again where what is shown claims to be of now
  const beat = () => {
    model.set("here", Date.now());
    model.save_changes();
    wait();
  };
  const leave = () => {
    for (const kind of kinds) window.removeEventListener(kind, keep, true);
    clearInterval(ticking);
    outer.disconnect();
    sized.disconnect();
    scheme.removeEventListener("change", theme);
  };
  return { root, find, ask, beat, pending, leave };
}
