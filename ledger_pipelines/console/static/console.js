// Keys, dialogs and questions before what cannot be undone. Every page works without this file.
"use strict";

const goes = { d: "/", p: "/periods", e: "/errors", s: "/sync" };
const root = () => new URL(document.querySelector("a.brand").href).pathname.replace(/\/$/, "");
const writes = (element) => element.matches("input, textarea, select") || element.isContentEditable;
let isGoing = false;

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    const form = document.activeElement.closest("form") || document.querySelector("form[data-saves]");
    if (form && form.matches("[data-saves]")) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-save]"));
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
  if (isGoing && goes[event.key]) location.assign(root() + goes[event.key]);
  isGoing = event.key === "g";
  if (event.key === "/") {
    const find = document.getElementById("find");
    if (find) { event.preventDefault(); find.focus(); }
  } else if (event.key === "?") {
    document.getElementById("keys").showModal();
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog").close();
});

document.addEventListener("submit", (event) => {
  const question = (event.submitter && event.submitter.dataset.asks) || event.target.dataset.asks;
  if (question && !window.confirm(question)) { event.preventDefault(); event.stopPropagation(); }
}, true);

// A month chooser goes at once; without scripts its form has a button.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// Chooses every row of a form's table, or none where all are chosen.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-checks]");
  if (!button) return;
  const boxes = [...document.querySelectorAll(`${button.dataset.checks} input[type=checkbox]`)];
  const areAll = boxes.every((box) => box.checked);
  boxes.forEach((box) => { box.checked = !areAll; });
});
