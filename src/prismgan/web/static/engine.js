// What makes the looks for this page. An engine is a module; this file says which one, and `prismgan export --format site`
// writes another one here. All of the page but the engine's own files imports it from here, and knows no more of it than this:
//
//   can                      { styles, video }: whether there is /api/styles, /api/clips and what belongs to them
//   words                    { formats, privacy, unreachable }: what is read, where pictures go, and what to do where nothing answers
//   about()                  { title, tasks: [{ name, title, scale, fine, varies }], samples: [{ name, address }], upload_bytes, pixels, minutes }
//   open(file, signal)       a picture { id, width, height, tasks }: tasks are the names of the looks that are not too large of it
//   base(picture, scale, signal)  a Blob: the picture as large as looks of this scale are
//   render(picture, { tasks, seed }, { changed, made, signal })  until all are made; made(name, result) is told of each as soon as
//                            it is there, changed({ state: "queued" | "loading" | "running" | "fetching", ahead, progress }) how far it is.
//                            A result is { file, exact }: a Blob to look at, and a function that gives the Blob of the exact PNG.
//   live(bitmap, names, signal)  ImageBitmaps of these looks, of scale 1, of one frame; the frame is used up
//   forget(picture)          also while the page is left
//
// Where a signal is aborted the reason is thrown; every other failure is an Error whose message a person can read.
export * from "./server.js";
