// A button that takes a file of the operator's and sends it to the station, which keeps a copy for the way up.
export default {
  template: `<label class="button" tabindex="0" @keydown.enter.prevent="$refs.file.click()">{{ text }}
    <input ref="file" type="file" style="display: none" @change="send" /></label>`,
  props: { address: String },
  data: () => ({ text: "Send a file up" }),
  methods: {
    async send() {
      const file = this.$refs.file.files[0];
      if (!file) return;
      this.text = `Copying ${file.name}`;
      try {
        const answer = await fetch(`${this.address}/${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
        const said = await answer.json();
        this.$emit("sent", [said.source_name ?? "", answer.ok ? "" : (said.error ?? answer.statusText)]);
      } catch (error) {
        this.$emit("sent", ["", `the station did not take the file: ${error.message}`]);
      }
      this.text = "Send a file up";
      this.$refs.file.value = "";
    },
  },
};
