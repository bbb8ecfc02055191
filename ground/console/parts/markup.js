// A block of HTML that is patched in place: rows with data-key are moved, not made anew, so that focus, selection and
// scroll positions stay. A click, or Enter, on something with data-key or data-act is told to the page.

function sameKind(from, to) {
  return from.nodeType === to.nodeType && from.nodeName === to.nodeName;
}

function morph(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  morphChildren(from, to);
}

function morphChildren(from, to) {
  const keyed = new Map();
  for (const child of from.children) {
    if (child.dataset.key !== undefined) keyed.set(child.dataset.key, child);
  }
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const key = next.dataset?.key;
    const match = key === undefined ? at : keyed.get(key);
    if (!match || !sameKind(match, next) || match.dataset?.key !== key) {
      from.insertBefore(next, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else from.insertBefore(match, at);
    morph(match, next);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

export default {
  template: `<div @click="pick" @keydown="press"></div>`,
  props: { content: String },
  mounted() {
    this.$el.innerHTML = this.content;
  },
  watch: {
    content(html) {
      const template = document.createElement("template");
      template.innerHTML = html;
      morphChildren(this.$el, template.content);
    },
  },
  methods: {
    pick(event) {
      const target = event.target.closest("[data-key], [data-act]");
      if (!target || !this.$el.contains(target)) return;
      const key = target.closest("[data-key]")?.dataset.key ?? "";
      this.$emit("pick", { key, act: target.dataset.act ?? "" });
    },
    press(event) {
      if (event.target.tagName === "BUTTON" || event.target.tagName === "A") return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.pick(event);
      }
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const rows = [...this.$el.querySelectorAll("[data-key][tabindex]")];
        const place = rows.indexOf(event.target.closest("[data-key]"));
        const next = rows[place + (event.key === "ArrowDown" ? 1 : -1)];
        if (place >= 0 && next) {
          event.preventDefault();
          next.focus();
        }
      }
    },
  },
};
