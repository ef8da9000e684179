// What went wrong, said once, with what can be done about it.

const box = document.getElementById("message");
const retry = document.getElementById("retry");

// Cancelling is no error. `file` names what the error is about; `again` is offered as "Try again".
export function complain(error, { file = null, again = null } = {}) {
  if (error.name === "AbortError") return;
  box.querySelector("p").textContent = file ? `${file}: ${error.message}` : error.message;
  retry.hidden = !again;
  retry.onclick = () => {
    hush();
    again();
  };
  box.hidden = false;
}

export const hush = () => (box.hidden = true);

document.getElementById("dismiss").addEventListener("click", hush);

// The reason of an AbortController that a person aborts.
export const cancelled = () => new DOMException("cancelled", "AbortError");
