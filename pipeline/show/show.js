"use strict";
// The video and the traces in step: a line stands at the moment that plays, and a click on the traces goes there.
document.addEventListener("explorer-ready", () => {
  const { plots, time, panels, trial } = window.explorer;
  const video = document.getElementById("video"), trouble = document.getElementById("video-trouble");
  const position = plots.get_model_by_name("position");
  position.visible = true;

  const follow = () => {
    const now = video.currentTime, span = time.end - time.start;
    position.location = now;
    if (now < time.start || now > time.end) {
      const start = Math.min(Math.max(now - 0.1 * span, 0), trial().seconds - span);
      time.setv({ start, end: start + span });
    }
    if (!video.paused && !video.ended) requestAnimationFrame(follow);
  };
  for (const event of ["play", "seeked", "timeupdate", "loadedmetadata"]) video.addEventListener(event, follow);

  const go = (seconds) => {
    video.currentTime = Math.min(Math.max(seconds, 0), trial().seconds);
  };
  for (const panel of plots.get_model_by_name("panels").children) panel.on_event("tap", ({ x }) => go(x));
  panels.addEventListener("keydown", (event) => {
    const steps = { ",": -1, ".": 1 };
    if (event.key === " ") {
      event.preventDefault();
      video.paused ? video.play() : video.pause();
    } else if (event.key in steps) {
      go(video.currentTime + steps[event.key] / 25);
    }
  });

  const failed = () => {
    trouble.hidden = false;
    trouble.textContent = "This browser cannot play the video. The command `affectflow show --copy` makes one that it can.";
  };
  video.addEventListener("error", failed);
  if (video.error) failed();
});
