// What an operator types into or chooses from. The browser keeps its text: only a new value from the page replaces it.
export default {
  template: `
    <textarea v-if="kind === 'lines'" ref="field" spellcheck="false" @input="say" @keydown.stop="press"></textarea>
    <select v-else-if="kind === 'choice'" ref="field" @change="say">
      <option v-for="option in options" :key="option[0]" :value="option[0]">{{ option[1] }}</option>
    </select>
    <input v-else ref="field" :type="kind" spellcheck="false" autocomplete="off" @input="say" @keydown.stop="press" />`,
  props: { kind: String, value: String, options: Array },
  mounted() {
    this.$refs.field.value = this.value ?? "";
  },
  watch: {
    value(text) {
      if (this.$refs.field.value !== text) this.$refs.field.value = text ?? "";
    },
    options() {
      this.$nextTick(() => (this.$refs.field.value = this.value ?? ""));
    },
  },
  methods: {
    say() {
      this.$emit("said", this.$refs.field.value);
    },
    press(event) {
      const isEnd = event.key === "Enter" && (this.kind !== "lines" || event.ctrlKey || event.metaKey);
      if (isEnd) {
        event.preventDefault();
        this.$emit("done", this.$refs.field.value);
      }
      if (event.key === "Escape") this.$refs.field.blur();
    },
  },
};
