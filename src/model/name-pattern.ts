// How names are looked for: a part of the name, or with wildcards the whole of it. Browser-safe: server and browser search
// alike.

/** Upper and lower case are the same. Matches in time proportional to name times pattern, whoever wrote it. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  const wanted = pattern.toLowerCase();
  if (!/[*?]/.test(wanted)) return (name) => name.toLowerCase().includes(wanted);
  return (name) => wildcardMatches(wanted, name.toLowerCase());
}

/** `*` stands for any characters, `?` for one. Goes back to the last star only, which is enough. */
function wildcardMatches(pattern: string, name: string): boolean {
  let [p, n] = [0, 0];
  let [star, from] = [-1, 0];
  while (n < name.length) {
    if (pattern[p] === '*') {
      [star, from] = [p++, n];
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
