// Files to the user's downloads.

/** A name without its suffix. */
export const stem = (name) => name.replace(/\.[^.]*$/, "");

export function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun when the task that clicked is over; the bytes are held until then only.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
