// Error messages, each shown once, with the possible actions.

const box = document.getElementById("message");
const retry = document.getElementById("retry");

// Cancelling is not an error. `file` names the file concerned; `again` is offered as "Try again".
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

// The reason of an AbortController that the user aborts.
export const cancelled = () => new DOMException("cancelled", "AbortError");
