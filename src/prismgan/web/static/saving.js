// Files for the person's downloads.

// A file's name without its ending, for files that are made of it.
export const stem = (name) => name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._ -]/gu, "_");

export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  document.body.append(link); // Firefox clicks only what is there
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
