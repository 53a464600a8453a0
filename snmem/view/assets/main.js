// The page: sections as tabs, light or dark.

const SECTIONS = []; // {id, title, build(page)}: a section answers elements, or nothing if the page holds none of it

async function main() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const page = { data, blobs: new Blobs(data.encoding) };
  theme();
  const shown = [];
  for (const section of SECTIONS) {
    const elements = await section.build(page);
    if (elements) shown.push({ ...section, elements });
  }
  const tabs = document.querySelector("nav.tabs"), place = document.querySelector("main");
  place.replaceChildren();
  const panels = shown.map(({ id, title, elements }) => {
    const tab = make("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": id, onclick: () => choose(id) }, title);
    const panel = make("section", { id, role: "tabpanel", "aria-labelledby": `tab-${id}`, hidden: true }, elements.flat(2));
    tabs.append(tab);
    place.append(panel);
    return { id, tab, panel };
  });
  function choose(id, focus) {
    for (const one of panels) {
      const mine = one.id === id;
      one.panel.hidden = !mine;
      one.tab.setAttribute("aria-selected", mine);
      one.tab.tabIndex = mine ? 0 : -1;
      if (mine && focus) one.tab.focus();
    }
    if (page.activity) page.activity.change();
  }
  tabs.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key], now = panels.findIndex((one) => !one.panel.hidden);
    if (way) choose(panels[(now + way + panels.length) % panels.length].id, true);
  });
  page.choose = choose;
  tabs.hidden = panels.length < 2;
  choose(panels.find((one) => `#${one.id}` === location.hash)?.id ?? panels[0].id);
  window.snmemPage = page; // for those who look into it by hand, and for tests
  document.body.dataset.ready = "true";
}

function theme() {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const set = (name) => {
    root.dataset.theme = name;
    button.textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `use ${name === "dark" ? "light" : "dark"} colours`);
    dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => set(root.dataset.theme === "dark" ? "light" : "dark"));
  dark.addEventListener("change", () => set(dark.matches ? "dark" : "light"));
  set(dark.matches ? "dark" : "light");
}

SECTIONS.push({
  id: "activity",
  title: "Activity",
  async build(page) {
    if (!page.data.run) return null;
    const activity = (page.activity = new Activity(page.data.run, page.blobs));
    await activity.start();
    addEventListener("theme", () => activity.change());
    return activity.build();
  },
});
