// Errors of an engine that the page distinguishes.

// The requested object is gone; retrying does not help.
export class Forgotten extends Error {}

// Nothing answered; retrying may help.
export class Unreachable extends Error {}
