// Saves or copies the open look as a file.
import { copy, ending, inFormat, offerFormats, save } from "./saving.js";

const $ = (id) => document.getElementById(id);

// look(): the open look; say(text): reports the progress of its file.
export function offerFiles({ look, say }) {
  offerFormats($("format"), $("quality"), $("quality-value"));

  async function give(button, work) {
    button.disabled = true;
    say("Preparing the file");
    try {
      say(await work(look()));
    } catch (error) {
      if (error.name !== "AbortError") say(error.message);
    } finally {
      button.disabled = false;
    }
  }

  $("download").addEventListener("click", () => give($("download"), async (one) => {
    save(await inFormat(await one.saved()), one.fileName + ending());
    return "";
  }));
  $("copy").addEventListener("click", () => give($("copy"), async (one) => {
    await copy(one.saved());
    return "Copied";
  }));
}
