// Light or dark: the system's setting, until the user changes it.

const KEY = "prismgan-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const button = document.getElementById("theme");

// Some browsers forbid storage; the choice then lasts until the page is closed.
function stored(value) {
  try {
    if (value) localStorage.setItem(KEY, value);
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
const tell = () => button.setAttribute("aria-pressed", String(isDark()));

const before = stored();
if (before === "dark" || before === "light") document.documentElement.dataset.theme = before;
tell();
system.addEventListener("change", tell);
button.addEventListener("click", () => {
  const wanted = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = wanted;
  stored(wanted);
  tell();
});
