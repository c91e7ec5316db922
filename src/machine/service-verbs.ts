// What can be done to a service. Browser-safe.

export const serviceVerbs = ['start', 'stop', 'restart', 'reload'] as const;
export type ServiceVerb = (typeof serviceVerbs)[number];
