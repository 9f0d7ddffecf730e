// AUTH_MODE_* in auth/Auth.h: what the payload of an AUTH_REQUEST begins with.

/** An authorizer: its version is the mode. */
export const AUTH_MODE_AUTHORIZER = 1;
/** A name for the monitors, which give a number and tickets. */
export const AUTH_MODE_MON = 10;
