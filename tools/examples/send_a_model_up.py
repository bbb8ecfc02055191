"""Send a model up as its difference from one that is on board, serve it, and ask it something."""

from pathlib import Path

from ground.file_source import FileSource, write_whole
from packing.exact import pack

CONVERSATION = 77


def run(sc, local: str, remote: str, base_local: str, prompt: str = "The "):
    packed = Path(f"{local}.pack")
    with sc.step("Pack it here"), FileSource(Path(local)) as model, FileSource(Path(base_local)) as base:
        octets = write_whole(packed, pack(model, base))
        sc.say(f"{octets} octets of {model.length_octets} go up")
    with sc.step("Send it up"):
        sc.files.put(packed, "up.pack", within_s=1800)
    with sc.step(f"Have {remote} made of it and its base"):
        told = sc.files.unpack("up.pack", remote, within_s=600)
    sc.say(f"its base on board is {told['base']}")
    with sc.step("Serve it"):
        sc.model.activate(name=remote)
        sc.wait_for_event("model_activated", within_s=600, name=remote)
    with sc.step("Ask it"):
        sc.chat.prompt(conversation=CONVERSATION, turn=1, text=prompt, tokens_max=40, temperature=0.0)

        def reply() -> str:
            turns = sc.client.state()["conversations"].get(str(CONVERSATION), [])
            return turns[0]["reply"] if turns and turns[0]["is_whole"] else ""

        sc.say(sc.wait_for(reply, within_s=600, what="its reply"))
