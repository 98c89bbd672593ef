// Mends what Gradio's own widgets lack for keyboards and screen readers: the radios of a group share one Tab stop and its arrow
// keys, so do the tabs; groups and plots have names.

(() => {
  const text = (e, selector) => e.querySelector(`:scope ${selector}`)?.textContent.trim();
  const tabs = () => [...document.querySelectorAll('[role="tablist"] [role="tab"]')].filter((e) => e.checkVisibility());
  let groups = 0;

  function mend() {
    for (const group of document.querySelectorAll("fieldset:not([role])")) {
      group.setAttribute("role", "radiogroup");
      group.setAttribute("aria-label", text(group, '[data-testid="block-info"]') ?? "");
      group.dataset.group = `group-${groups++}`;
    }
    for (const radio of document.querySelectorAll('fieldset[data-group] input[type="radio"]')) {
      const { group } = radio.closest("fieldset").dataset;
      if (radio.name !== group) radio.name = group; // Gradio gives each another name, at every change
    }
    for (const plot of document.querySelectorAll(".block.ladder:not([role])")) {
      plot.setAttribute("role", "figure");
      plot.setAttribute("aria-label", text(plot, '[data-testid="block-label"]') ?? "");
    }
    for (const tab of tabs()) tab.tabIndex = tab.getAttribute("aria-selected") === "true" ? 0 : -1;
  }

  document.addEventListener("keydown", (event) => {
    const all = tabs(), at = all.indexOf(event.target);
    if (at < 0) return;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    const next = all.at(to % all.length);
    next.click();
    next.focus();
    event.preventDefault();
  });

  const watched = { subtree: true, childList: true, attributeFilter: ["aria-selected", "name"] };
  new MutationObserver(mend).observe(document.documentElement, watched);
})();
