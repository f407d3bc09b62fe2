"use strict";
// Keys, and labels without a reload. Without this script the page is plain forms that do the same.
(() => {
  let busy = false;
  const UNSAVED = "NOT saved: the server does not answer. Start `escalera label` again and open " +
    "the address that it prints; every label before this one is kept.";
  const all = selector => [...document.querySelectorAll(selector)];
  const status = document.getElementById("status");

  function say(text, bad) {
    status.textContent = text;
    status.classList.toggle("bad", bad);
  }

  function show(next, address) {
    document.getElementById("page").replaceWith(document.adoptNode(next.getElementById("page")));
    document.title = next.title;
    const problem = document.querySelector("[data-problem]");
    say(next.getElementById("status").textContent, problem !== null);
    if (address) history.replaceState(null, "", address);
    scrollTo(0, 0);
    (document.querySelector("#page [autofocus]") || document.getElementById("main")).focus();
  }

  async function send(form, button) {
    if (busy) return;
    busy = true;
    try {
      const body = new URLSearchParams(new FormData(form));
      if (button && button.name) body.set(button.name, button.value);
      const answer = await fetch(form.action, {method: "POST", body, credentials: "omit"});
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const problem = next.querySelector("[data-problem]");
      if (answer.ok) show(next, answer.url);
      else if (answer.status === 422) show(next, null);
      else say(problem ? problem.textContent : "NOT saved: " + next.body.textContent, true);
    } catch {
      say(UNSAVED, true);
    } finally {
      busy = false;
    }
  }

  function walk(step) {
    const choices = all("[data-choice]");
    if (!choices.length) return false;
    const at = choices.indexOf(document.activeElement);
    const from = at >= 0 ? at + step : step > 0 ? 0 : choices.length - 1;
    choices[Math.min(Math.max(from, 0), choices.length - 1)].focus();
    return true;
  }

  function press(event) {
    if (event.key === "?") {
      const help = document.getElementById("help");
      if (help) help.open = !help.open;
      return help !== null;
    }
    if (event.key === "ArrowLeft") return walk(-1);
    if (event.key === "ArrowRight") return walk(1);
    const onControl = event.target.matches("a, button, summary");
    if (event.key === "Enter" && onControl) return false;
    const key = event.key.toLowerCase();
    const found = all("[data-keys]").find(one => one.dataset.keys.split(" ").includes(key));
    if (!found) return false;
    if (!event.repeat) found.click();
    return true;
  }

  document.addEventListener("submit", event => {
    if (event.target.method !== "post") return;
    event.preventDefault();
    send(event.target, event.submitter);
  });

  document.addEventListener("keydown", event => {
    if (event.isComposing || event.altKey) return;
    const field = event.target.matches("textarea, input");
    if (event.ctrlKey || event.metaKey) {
      if (event.key !== "Enter" || !field || event.repeat) return;
      event.preventDefault();
      event.target.form.requestSubmit();
    } else if (field) {
      if (event.key === "Escape") document.getElementById("main").focus();
    } else if (press(event)) {
      event.preventDefault();
    }
  });
})();
