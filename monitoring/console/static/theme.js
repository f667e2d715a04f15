// Before the page is drawn: the theme that was chosen here, else that of the system.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("antiphon-theme"); } catch { /* storage may be off */ }
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
