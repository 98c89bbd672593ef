// Keeps what is chosen on the page in its address, so that a link or a reload brings it back (demos/page/links.py).

window.resoundLink = (() => {
  const OWN = "resound-own"; // tabs whose sound is the visitor's own and cannot be in a link
  const last = {}; // task -> the values of its settings
  const restored = new Set(); // tasks
  const tabs = {}; // task -> { names, initial, examples }, once what the address asks for is there
  let begun = false; // whether the tab that the address asks for is open
  let current = null; // the tab, or the section of one, that was opened last
  const sections = {}; // tab -> the section of it that was opened last
  let start = location.search; // the address that the page was opened with, until its section is open

  const said = (value) => (value === true ? "yes" : value === false ? "no" : String(value ?? ""));
  const own = () => (sessionStorage.getItem(OWN) ?? "").split(",").filter(Boolean);

  function change(edit) {
    const address = new URL(location);
    edit(address.searchParams);
    history.replaceState(history.state, "", address);
  }

  function tell(task) {
    change((query) => query.set("tab", task));
  }

  function write(task, values) { // only what differs from the example, or from the page as it comes
    last[task] = values;
    if (!tabs[task]) return;
    const { names, initial, examples } = tabs[task];
    change((query) => {
      const base = { ...initial, ...examples[query.get(`${task}.example`)] };
      names.forEach((name, k) => {
        const key = `${task}.${name}`;
        if (said(values[k]) === said(base[name])) query.delete(key);
        else query.set(key, said(values[k]));
      });
    });
  }

  function sound(task, example) { // an example's label; null for one of the visitor's own
    sessionStorage.setItem(OWN, own().filter((other) => other !== task).concat(example === null ? task : []));
    change((query) => (example === null ? query.delete(`${task}.example`) : query.set(`${task}.example`, example)));
    if (last[task]) write(task, last[task]);
  }

  async function copy(button) {
    const address = location.href.split("#")[0];
    try {
      await navigator.clipboard.writeText(address);
    } catch { // a page without https has no clipboard
      const field = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: address }));
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    const told = button.previousElementSibling;
    told.textContent = "Copied";
    setTimeout(() => (told.textContent = ""), 3000);
  }

  function asked(task) { // the address, and whether a sound is missed, once for each tab
    if (restored.has(task)) return ["", ""];
    restored.add(task);
    const query = new URLSearchParams(location.search);
    return [location.search, own().includes(task) && !query.has(`${task}.example`) ? "missed" : ""];
  }

  return {
    write,
    sound,
    copy,
    asked,
    leave: (name) => change((query) => query.delete(name)),
    query: () => location.search,
    first() { // a tab with sections is opened: the address that may ask for one, once
      const query = start;
      start = "";
      return query;
    },
    back(holder) {
      if (sections[holder]) this.tab(sections[holder], holder);
    },
    begin(first) { // a visitor may have been quicker
      begun = true;
      if (current && current !== first) tell(current);
    },
    ready(task, known) { // a visitor may have been quicker here, too
      tabs[task] = known;
      if (last[task]) write(task, last[task]);
    },
    tab(task, holder) {
      sections[holder] = current = task;
      if (begun) tell(task);
    },
  };
})();

// A link within the page: the address has a query, and Gradio's <base> none, so that following it would load the page anew.
document.addEventListener("click", (event) => {
  const elsewhere = event.target.closest?.('a[href^="?"]'); // on this page, in this tab, whatever Gradio says of it
  if (elsewhere) elsewhere.target = "_self";
  const place = document.getElementById(event.target.closest?.('a[href^="#"]')?.getAttribute("href").slice(1));
  if (!place) return;
  event.preventDefault();
  place.scrollIntoView();
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
});
