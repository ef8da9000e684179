// Clips that play in sync: one sets the pace, and the others follow.

const APART = 0.15; // seconds that one may be apart from the pace
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class Players {
  // Elements: a button that plays and pauses, a range for the position, its output, and a button for the sound.
  constructor({ play, place, time, sound }) {
    Object.assign(this, { play, place, time, sound, videos: [] });
    play.addEventListener("click", () => (this.playing ? this.pause() : this.start()));
    place.addEventListener("input", () => this.seek(Number(place.value)));
    sound.addEventListener("click", () => this.hear(sound.getAttribute("aria-pressed") !== "true"));
  }

  // Videos that cannot be played are left out; without any, the bar is empty.
  set(videos) {
    this.pause();
    this.videos = videos;
    for (const video of videos) {
      video.loop = true;
      video.addEventListener("error", () => (this.videos = this.videos.filter((one) => one !== video)), { once: true });
      video.addEventListener("loadedmetadata", () => this.show());
    }
    this.hear(false);
    this.show();
  }

  get pace() {
    return this.videos.find((video) => video.readyState > 0) ?? null;
  }

  get playing() {
    return this.pace !== null && !this.pace.paused;
  }

  start() {
    for (const video of this.videos) video.play().catch(() => {}); // paused again at once, or not playable: its error says so
    this.told();
    this.follow();
  }

  pause() {
    for (const video of this.videos) video.pause();
    this.told();
  }

  seek(seconds) {
    for (const video of this.videos) video.currentTime = seconds;
    this.show();
  }

  // All have the same sound; one of them is enough.
  hear(is) {
    for (const video of this.videos) video.muted = !(is && video === this.pace);
    this.sound.setAttribute("aria-pressed", String(is));
  }

  follow() {
    const { pace } = this;
    if (!pace || pace.paused) {
      this.told();
      return;
    }
    for (const video of this.videos) {
      if (video !== pace && !video.seeking && Math.abs(video.currentTime - pace.currentTime) > APART) video.currentTime = pace.currentTime;
    }
    this.show();
    requestAnimationFrame(() => this.follow());
  }

  show() {
    const { pace } = this;
    const length = pace && Number.isFinite(pace.duration) ? pace.duration : 0;
    this.place.max = length;
    this.place.value = pace?.currentTime ?? 0;
    const words = `${clock(pace?.currentTime ?? 0)} / ${clock(length)}`;
    if (this.time.textContent !== words) {
      this.time.textContent = words;
      this.place.setAttribute("aria-valuetext", words);
    }
    this.play.disabled = this.place.disabled = this.sound.disabled = !pace;
  }

  told() {
    this.play.textContent = this.playing ? "Pause" : "Play";
  }
}
