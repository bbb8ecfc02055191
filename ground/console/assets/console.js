// What the console does in the browser by itself: the theme, and the keys that lead from page to page.
(function () {
  const root = document.documentElement;
  const stored = () => {
    try { return localStorage.getItem("starloop-theme"); } catch { return null; }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => (root.dataset.theme = stored() ?? (system.matches ? "dark" : "light"));
  apply();
  system.addEventListener("change", apply);
  window.starloopTheme = () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("starloop-theme", next); } catch { /* not kept, then */ }
    root.dataset.theme = next;
  };
  let led = -Infinity;
  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "/" && !isTyping) {
      const search = document.querySelector(".stage input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
    // "g", then the letter of a page.
    const isPlain = !isTyping && !event.altKey && !event.ctrlKey && !event.metaKey;
    if (isPlain && performance.now() - led < 1500) {
      const link = document.querySelector(`.rail a[data-letter="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
      }
    }
    led = isPlain && event.key === "g" ? performance.now() : -Infinity;
  });
})();
