// The engine of a static site; static/engine.js says what an engine is.
export * from "./local.js";
