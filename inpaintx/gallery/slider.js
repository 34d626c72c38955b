// Lays the picture before over the one after, with a divider to drag. Without this the two stand side by side.
document.documentElement.classList.add("sliding");
for (const shots of document.querySelectorAll(".shots.pair")) {
  const range = shots.querySelector("input");
  const move = () => {
    shots.style.setProperty("--at", range.value + "%");
    range.setAttribute("aria-valuetext", `${range.value} % before, ${100 - range.value} % after`);
  };
  const follow = (event) => {
    const box = shots.getBoundingClientRect();
    range.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    move();
  };
  range.hidden = false;
  range.addEventListener("input", move);
  shots.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault(); // no picture is dragged away
    range.focus({ preventScroll: true, focusVisible: false });
    shots.setPointerCapture(event.pointerId);
    follow(event);
  });
  shots.addEventListener("pointermove", (event) => {
    if (shots.hasPointerCapture(event.pointerId)) follow(event);
  });
  move();
}
