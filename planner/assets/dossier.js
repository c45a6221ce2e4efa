/* Parts of the dossier as tabs, and the sheet of a commune. Without this script all of it is shown. */
(() => {
  "use strict";

  const tabs = [...document.querySelectorAll(".bandeau nav a")];
  const parts = tabs.map((tab) => document.querySelector(tab.getAttribute("href")));
  tabs[0].parentElement.setAttribute("role", "tablist");
  tabs.forEach((tab, n) => {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", parts[n].id);
    parts[n].setAttribute("role", "tabpanel");
    parts[n].tabIndex = -1;
  });

  function show(n, focus) {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === n));
      tab.tabIndex = at === n ? 0 : -1;
      parts[at].hidden = at !== n;
    });
    if (focus) tabs[n].focus();
    window.scrollTo(0, 0);
    if (parts[n].id === "carte" && typeof carte === "object" && carte.show) carte.show();
  }

  const at = () => Math.max(0, parts.findIndex((part) => `#${part.id}` === location.hash));
  tabs.forEach((tab, n) => {
    tab.addEventListener("click", (event) => { event.preventDefault(); history.replaceState(null, "", tab.hash); show(n, false); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : step === undefined ? -1 : (n + step + tabs.length) % tabs.length;
      if (next < 0) return;
      event.preventDefault();
      history.replaceState(null, "", tabs[next].hash);
      show(next, true);
    });
  });
  window.addEventListener("hashchange", () => show(at(), false));

  const plain = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
  const sheets = [...document.querySelectorAll(".fiche-commune")];
  const field = document.getElementById("ma-commune");
  const told = document.getElementById("commune-dite");
  const areas = [...document.querySelectorAll(".situation path.c")];

  function open(sheet) {
    sheets.forEach((one) => { one.hidden = one !== sheet; });
    areas.forEach((area) => area.classList.toggle("ici", Boolean(sheet) && area.dataset.code === sheet.dataset.code));
    const here = document.querySelector(".situation path.ici");
    if (here) here.parentElement.append(here);
  }

  function seek() {
    const wanted = plain(field.value);
    const named = (sheet) => plain(sheet.dataset.nom);
    const found = wanted && (sheets.find((sheet) => named(sheet) === wanted) || (() => {
      const some = sheets.filter((sheet) => named(sheet).includes(wanted));
      return some.length === 1 ? some[0] : undefined;
    })());
    if (found) open(found);
    told.textContent = !wanted ? "" : found ? found.dataset.nom : told.dataset.inconnue;
  }

  if (field) {
    field.addEventListener("change", seek);
    field.addEventListener("input", seek);
    areas.forEach((area) => area.addEventListener("click", () => {
      const sheet = sheets.find((one) => one.dataset.code === area.dataset.code);
      field.value = sheet.dataset.nom;
      seek();
    }));
    open(sheets[0]);
  }

  /* Paper cannot be unfolded */
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("main details:not([open])")];
    folded.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));

  show(at(), false);
})();
