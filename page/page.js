"use strict";
// The page's part of the interview: it paints the clock, keeps drafts, sends signs of life, and fills in who is asking.
// The server decides everything else; what it decided stands in #screen and in the rail's data-status.

const interviewPage = (() => {
  const BEAT = 5000; // milliseconds between two signs of life
  const PATIENCE = 150_000; // milliseconds: longer than a model that fails twice may take
  const KEYS = { Digit1: "do-hint", Digit2: "do-repeat", Digit3: "do-done", Digit4: "do-pause", Digit5: "do-end" };
  const CONTROLS = ["do-hint", "do-repeat", "do-done", "do-end"];
  const PAUSED = ["scroller", "composer"]; // what the cover hides
  const byId = (id) => document.getElementById(id);
  const box = (id) => document.querySelector(`#${id} textarea, #${id} input`);
  const now = () => performance.now();

  let seen = ""; // data-at of the screen that was last acted on
  let shown = ""; // screen and interview that were last shown
  let rail = ""; // data-status that was last taken over
  let status = null; // the clock as the server last told it
  let told = 0; // when it did
  let server = "";
  let lost = false; // whether the last sign of life failed
  let ending = false;
  let warned = ""; // what the start screen last said went wrong
  let section = ""; // the section to grade again
  let opinion = []; // what the candidate thinks of a verdict: section, criterion, verdict, why
  let goal = ""; // what gets the focus when the scorecard comes back from the server
  let opened = new Set(); // ids of what the candidate unfolded in the scorecard

  // --- kept in this browser ---------------------------------------------------------------------------------------

  const kept = {
    get: (key) => { try { return localStorage.getItem(key) || ""; } catch { return ""; } },
    set: (key, value) => { try { value ? localStorage.setItem(key, value) : localStorage.removeItem(key); } catch { /* private mode: not kept */ } },
  };

  function write(field, value) {
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function restore(interview) {
    for (const name of ["answer", "notes"]) {
      const field = box(name);
      if (field && field.value !== kept.get(`${name}:${interview}`)) write(field, kept.get(`${name}:${interview}`));
    }
  }

  // A message keeps its id until it is acknowledged, so that sending it again after a lost reply does no harm.
  function sent(interview, text) {
    const pending = JSON.parse(kept.get(`sent:${interview}`) || "null");
    if (pending && pending.text === text) return pending.id;
    const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    kept.set(`sent:${interview}`, JSON.stringify({ id, text }));
    return id;
  }

  function acknowledged(interview, message) {
    const pending = JSON.parse(kept.get(`sent:${interview}`) || "null");
    if (!pending || pending.id !== message) return;
    kept.set(`sent:${interview}`, "");
    const field = box("answer");
    if (!field) return;
    const rest = field.value.startsWith(pending.text) ? field.value.slice(pending.text.length).trimStart() : field.value;
    write(field, rest);
    kept.set(`answer:${interview}`, rest);
  }

  // --- what the server said ---------------------------------------------------------------------------------------

  const current = () => byId("screen")?.dataset || {};
  const asked = () => new URLSearchParams(location.search).get("interview") || "";

  function take() {
    const data = current();
    if (data.at && data.at !== seen) {
      seen = data.at;
      show(data);
    }
    const told = byId("rail")?.dataset.status;
    if (told && told !== rail) {
      rail = told;
      set(JSON.parse(told));
    }
    const notice = byId("notice")?.textContent.trim() || "";
    if (notice && notice !== warned) byId("notice").scrollIntoView({ block: "nearest" });
    warned = notice;
    const live = byId("live")?.textContent.trim() || byId("problem")?.textContent.trim();
    if (live) document.body.classList.remove("thinking");
    const card = document.querySelector("#card .scorecard");
    if (card && !card.dataset.seen) {
      card.dataset.seen = "yes";
      restoreCard(card);
    }
    dress();
  }

  function show(data) {
    document.body.dataset.screen = data.screen;
    document.body.classList.toggle("thinking", data.speaking === "yes");
    document.body.classList.toggle("paused", data.paused === "yes");
    if (data.message) acknowledged(data.interview, data.message);
    if (data.server) server = data.server;
    const place = `${data.screen} ${data.interview}`;
    if (place !== shown) {
      shown = place;
      opened = new Set();
      address(data.interview);
      if (data.screen === "interview") restore(data.interview);
      window.scrollTo(0, 0);
      focus(data);
      follow(true);
    } else if (data.screen === "interview") {
      follow(false);
    }
    for (const id of PAUSED) byId(id)?.toggleAttribute("inert", data.paused === "yes");
    if (data.paused === "yes") byId("resume")?.focus();
  }

  function address(interview) {
    const url = new URL(location.href);
    interview ? url.searchParams.set("interview", interview) : url.searchParams.delete("interview");
    history.replaceState(history.state, "", url);
  }

  function focus(data) {
    if (data.screen === "interview" && data.paused !== "yes" && matchMedia("(min-width: 800px)").matches) setTimeout(() => box("answer")?.focus(), 50);
    if (data.screen === "scorecard") setTimeout(() => document.querySelector("#headline h1")?.focus({ preventScroll: true }), 50);
  }

  // --- the conversation -------------------------------------------------------------------------------------------

  let atEnd = true;
  let asked_at = 0; // when the interviewer began to think

  function follow(always) {
    const pane = byId("scroller");
    if (!pane) return;
    if (always) atEnd = true;
    if (atEnd) requestAnimationFrame(() => { pane.scrollTop = pane.scrollHeight; });
  }

  function thinking() {
    asked_at = now();
    document.body.classList.add("thinking");
    const words = document.querySelector("#thinking span");
    if (words) words.textContent = status && status.ready === false ? "The interviewer is getting ready; the first answer takes some seconds more" : "The interviewer is thinking";
    follow(true);
  }

  function here(values) {
    const screen = current();
    const id = screen.interview || (seen ? "" : asked());
    return [...values.slice(0, -1), id];
  }

  function sending(values) {
    const interview = current().interview;
    const text = box("answer")?.value ?? values[0];
    return [text, sent(interview, text), interview];
  }

  function choosing(values) {
    const choice = document.querySelector("input[name=scenario]:checked")?.value || "";
    byId("begin")?.setAttribute("aria-busy", "true");
    setTimeout(() => byId("begin")?.removeAttribute("aria-busy"), 4000);
    const level = document.querySelector("input[name=level]:checked")?.value || "senior";
    const persona = document.querySelector("input[name=persona]:checked")?.value || "neutral";
    return [choice, byId("own-title")?.value || "", level, persona, byId("language")?.value || "English", values.at(-1)];
  }

  const grading = () => [section, current().interview];

  // --- the scorecard ----------------------------------------------------------------------------------------------

  const disagreeing = () => [...opinion, current().interview];
  const draftOf = (criterion) => `opinion:${current().interview}:${criterion}`;

  // The server draws the scorecard anew after each change: what was unfolded, half written and in focus is put back.
  function restoreCard(card) {
    for (const fold of card.querySelectorAll("details.objection")) {
      const draft = JSON.parse(kept.get(draftOf(fold.id.slice("objection-".length))) || "null");
      if (!draft) continue;
      fold.open = true;
      for (const choice of fold.querySelectorAll("input")) choice.checked = choice.value === draft.verdict;
      fold.querySelector("textarea").value = draft.why;
    }
    for (const done of card.querySelectorAll("[data-take-back]")) kept.set(draftOf(done.dataset.takeBack), "");
    for (const id of opened) byId(id)?.setAttribute("open", "");
    if (goal) setTimeout(arrive, 30);
  }

  function arrive() {
    const target = document.querySelector(goal) || document.querySelector("#headline h1");
    target?.focus({ preventScroll: true });
    goal = "";
  }

  function think(criterion, verdict, why, place) {
    opinion = [place, criterion, verdict, why];
    goal = verdict ? `[data-take-back="${criterion}"]` : `#objection-${criterion} > summary`;
    setTimeout(() => { goal = ""; }, 5000); // it may be refused, and then no scorecard comes
    byId("disagree")?.click();
  }

  function keep(button) {
    const fold = button.closest(".objection");
    const choice = fold.querySelector("input:checked");
    fold.querySelector(".missing").textContent = choice ? "" : "Choose what you think is right.";
    if (!choice) return void fold.querySelector("input").focus();
    think(button.dataset.keep, choice.value, fold.querySelector("textarea").value, button.dataset.section);
  }

  function drafted(fold) {
    const draft = { verdict: fold.querySelector("input:checked")?.value || "", why: fold.querySelector("textarea").value };
    kept.set(draftOf(fold.id.slice("objection-".length)), draft.verdict || draft.why ? JSON.stringify(draft) : "");
  }

  function unfolded(event) {
    const fold = event.target;
    if (!(fold instanceof Element) || !fold.id || !fold.closest("#card")) return;
    fold.open ? opened.add(fold.id) : opened.delete(fold.id);
  }

  // --- the clock --------------------------------------------------------------------------------------------------

  function set(told_status) {
    status = told_status;
    told = now();
    paint();
  }

  function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }

  function text(node, words) {
    if (node.textContent !== words) node.textContent = words;
  }

  function paint() {
    if (!status || current().screen !== "interview") return;
    const since = status.paused || status.finished || lost ? 0 : (now() - told) / 1000;
    const left = { section: status.section_left - since, total: status.total_left - since };
    for (const node of document.querySelectorAll("[data-clock]")) text(node, clock(left[node.dataset.clock]));
    const late = status.section && left.section <= status.section_seconds / 4;
    for (const row of document.querySelectorAll("#rail li.now")) row.classList.toggle("late", late);
    document.querySelector("#rail .strip")?.classList.toggle("late", late);
    const note = byId("clock-note");
    if (note) text(note, spoken(left));
  }

  function spoken(left) {
    if (!status.section || status.paused || status.finished) return "";
    if (left.total <= 0) return "The interview's time is over. Send your last words, or end it.";
    return left.section <= 0 ? "This section's time is over. Send what you have; the next answer moves on." : "";
  }

  let touched = now(); // when a key was pressed last: who types is not silent
  document.addEventListener("keydown", () => { touched = now(); });
  document.addEventListener("pointerdown", () => { touched = now(); });

  async function beat() {
    const { screen, interview } = current();
    if (screen !== "interview" || !interview) return;
    try {
      const reply = await fetch(`beat/${interview}?idle=${Math.round((now() - touched) / 1000)}`, { method: "POST", keepalive: true });
      if (reply.status === 404 || reply.status === 403) return void location.reload();
      if (!reply.ok) throw new Error(String(reply.status));
      alive(await reply.json());
    } catch {
      gone();
    }
  }

  function alive(found) {
    const data = current();
    if (server && found.server !== server) return void location.reload(); // a new server: its page, and the draft that was kept
    if (lost) {
      lost = false;
      byId("offline").hidden = true;
    }
    set(found);
    if (now() - asked_at > PATIENCE) document.body.classList.remove("thinking");
    const idle = !document.body.classList.contains("thinking") && !byId("live")?.textContent.trim();
    const news = String(found.turns) !== data.turns || String(Object.keys(found.results).length) !== data.results || found.finished || found.paused !== (data.paused === "yes");
    if (idle && news) byId("refresh")?.click();
  }

  function gone() {
    if (!lost && status) set({ ...status, section_left: status.section_left - (now() - told) / 1000, total_left: status.total_left - (now() - told) / 1000 });
    lost = true;
    document.body.classList.remove("thinking");
    const note = byId("offline");
    if (note) note.hidden = false;
    follow(false);
  }

  // --- what Gradio's components lack ------------------------------------------------------------------------------

  function attribute(node, name, value) {
    if (node && node.getAttribute(name) !== value) node.setAttribute(name, value);
  }

  function dress() {
    const pane = byId("scroller");
    attribute(pane, "tabindex", "0");
    attribute(pane, "role", "region");
    attribute(pane, "aria-label", "Conversation");
    Object.entries(KEYS).forEach(([code, id]) => {
      attribute(byId(id), "aria-keyshortcuts", `Alt+${code.slice(5)}`);
      attribute(byId(id), "title", `Alt+${code.slice(5)}`);
    });
    attribute(box("answer"), "aria-describedby", "clock-note");
    attribute(byId("refresh"), "tabindex", "-1");
    attribute(byId("refresh"), "aria-hidden", "true");
    for (const id of ["regrade", "disagree"]) {
      attribute(byId(id), "tabindex", "-1");
      attribute(byId(id), "aria-hidden", "true");
    }
    if (pane && !pane.dataset.watched) {
      pane.dataset.watched = "yes";
      pane.addEventListener("scroll", () => { atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 120; });
    }
  }

  // The index has a <base>, so a link to a turn would leave this interview: it is followed here.
  function followed(event) {
    const link = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null;
    const goal = link && byId(decodeURIComponent(link.getAttribute("href").slice(1)));
    if (!link) return;
    event.preventDefault();
    if (!goal) return;
    for (let fold = goal.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    goal.setAttribute("tabindex", "-1");
    goal.scrollIntoView({ block: "center" });
    goal.focus({ preventScroll: true });
  }

  function clicked(event) {
    followed(event);
    const target = event.target instanceof Element ? event.target.closest("button, [data-close]") : null;
    if (!target) return;
    if (target.id === "do-end" && !ending) {
      event.preventDefault();
      event.stopImmediatePropagation();
      byId("end-dialog")?.showModal();
    } else if (target.dataset.close) {
      byId(target.dataset.close)?.close();
    } else if (target.dataset.end) {
      byId("end-dialog").close();
      ending = true;
      byId("do-end")?.click();
      ending = false;
    } else if (target.dataset.grade) {
      section = target.dataset.grade;
      goal = `[data-grade="${section}"]`;
      byId("regrade")?.click();
    } else if (target.dataset.keep || target.dataset.takeBack) {
      if (event.detail > 1) return; // the second half of a double click
      target.dataset.keep ? keep(target) : think(target.dataset.takeBack, "", "", target.dataset.section);
    } else if (CONTROLS.includes(target.id)) {
      // A second click of a double click, or one while the interviewer speaks, would be answered a second time.
      if (event.detail > 1 || document.body.classList.contains("thinking")) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      thinking();
    } else if (target.id === "send" && box("answer")?.value.trim()) {
      thinking();
    }
  }

  function pressed(event) {
    const target = event.target;
    if (target instanceof Element && target.closest("#answer") && event.key === "Enter" && !event.isComposing) {
      event.stopImmediatePropagation();
      if (event.shiftKey) return;
      event.preventDefault();
      if (target.value.trim()) byId("send")?.click();
    } else if (target instanceof Element && target.id === "own-title" && event.key === "Enter") {
      event.preventDefault();
      byId("begin")?.click();
    } else if (event.altKey && !event.ctrlKey && !event.metaKey && KEYS[event.code] && current().screen === "interview" && current().paused !== "yes") {
      event.preventDefault();
      if (!event.repeat) byId(KEYS[event.code])?.click();
    }
  }

  function typed(event) {
    const field = event.target instanceof Element ? event.target.closest("#answer, #notes") : null;
    if (field && current().interview) kept.set(`${field.id}:${current().interview}`, event.target.value);
    const fold = event.target instanceof Element ? event.target.closest("details.objection") : null;
    if (fold) drafted(fold);
    if (event.target.id === "own-title") document.querySelector("input[name=scenario][value=own]").checked = true;
  }

  function dark() {
    const chosen = new URLSearchParams(location.search).get("__theme");
    if (chosen !== "light" && chosen !== "dark") document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
  }

  window.addEventListener("click", clicked, true);
  window.addEventListener("keydown", pressed, true);
  window.addEventListener("keypress", (event) => { // Gradio's box would swallow Shift+Enter
    if (event.key === "Enter" && event.target.closest?.("#answer")) event.stopImmediatePropagation();
  }, true);
  window.addEventListener("input", typed, true);
  window.addEventListener("toggle", unfolded, true);
  window.addEventListener("pagehide", () => {
    const { screen, interview } = current();
    if (screen === "interview" && interview) navigator.sendBeacon(`leave/${interview}`);
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dark);
  new MutationObserver(take).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-at", "data-status"] });
  setInterval(beat, BEAT);
  setInterval(paint, 500);

  return { here, sending, choosing, grading, disagreeing };
})();
window.interviewPage = interviewPage;
