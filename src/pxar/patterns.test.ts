// Patterns against the vectors of the specification, exclude files, text forms, and a plain reference matcher.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { vectors } from '../../test/support/golden.ts';
import { GranaryError } from '../base/errors.ts';
import { formatPatterns, formatPrelude, Pattern, PatternList, parseExcludeFile, parsePattern } from './patterns.ts';
import { Wildmatch } from './wildmatch.ts';

interface PatternVectors {
  wildmatch: [string, string | null, boolean | 'invalid pattern'][];
  lists: {
    patterns: (string | { pattern: string; type: 'include' | 'exclude'; anchored: boolean })[];
    path: string;
    directory: boolean;
    result: 'include' | 'exclude' | null;
  }[];
}

const golden = vectors<PatternVectors>('patterns');
const isInvalid = (error: unknown) => error instanceof GranaryError && error.code === 'pattern-invalid';

for (const [pattern, text, expected] of golden.wildmatch) {
  test(`'${pattern}' on ${text === null ? 'anything' : `'${text}'`}: ${expected}`, () => {
    const make = () => new Pattern(Buffer.from(pattern), 'exclude', true);
    if (expected === 'invalid pattern') assert.throws(make, isInvalid);
    else assert.equal(make().matches(Buffer.from(text!), true), expected);
  });
}

for (const { patterns, path, directory, result } of golden.lists) {
  test(`${JSON.stringify(patterns)} on ${directory ? 'directory' : 'file'} ${path}: ${result}`, () => {
    const list = new PatternList(
      patterns.map((p) =>
        typeof p === 'string' ? parsePattern(p).pattern : new Pattern(Buffer.from(p.pattern), p.type, p.anchored),
      ),
    );
    assert.equal(list.match(Buffer.from(path), directory), result ?? undefined);
  });
}

test('the examples of the specification that are no vectors', () => {
  const on = (pattern: string, path: string) =>
    new PatternList([parsePattern(pattern).pattern]).match(Buffer.from(path), false) === 'exclude';
  assert.ok(on('x[!ab]', '/xa'));
  assert.ok(!on('cache/', '/cache'));
  assert.ok(!on('a/b**/c', '/a/bxx/yy/c'));
  assert.ok(on('/hey/**/you', '/hey/you'));
});

test('named classes hold what their names say', () => {
  const members = (name: string) => {
    const match = new Wildmatch(Buffer.from(`[[:${name}:]]`));
    return Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1))
      .filter((c) => match.matches(Buffer.from(c, 'latin1')))
      .join('');
  };
  assert.equal(members('alnum'), '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
  assert.equal(members('blank'), '\t ');
  assert.equal(members('cntrl'), `${Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join('')}\x7f`);
  assert.equal(members('punct'), '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');
  assert.equal(members('space'), '\t\n\v\f\r ');
  assert.equal(members('xdigit'), '0123456789ABCDEFabcdef');
  assert.equal(members('graph').length, 94);
  assert.equal(members('print').length, 95);
});

test('a star between a class and a later star is taken back where it has to be', () => {
  assert.ok(new Wildmatch(Buffer.from('*[^b]c*d')).matches(Buffer.from('xc/cd')));
});

test('hostile patterns end soon', () => {
  const match = new Wildmatch(Buffer.from(`${'*a'.repeat(200)}b*`));
  assert.equal(match.matches(Buffer.from('a'.repeat(5000))), false);
  const deep = new Wildmatch(Buffer.from(`${'**/'.repeat(200)}x`));
  assert.equal(deep.matches(Buffer.from('/y'.repeat(2000))), false);
});

test('command line values are normalised and say so', () => {
  const normal = (text: string) => {
    const { pattern, normalized } = parsePattern(text);
    return [formatPatterns([pattern]).toString(), normalized];
  };
  assert.deepEqual(normal('./a/../b//c/./'), ['b/c/\n', true]);
  assert.deepEqual(normal('/../x'), ['/x\n', true]);
  assert.deepEqual(normal('!/a/b/'), ['!/a/b/\n', false]);
  assert.deepEqual(normal('..a/.b'), ['..a/.b\n', false]);
  assert.throws(() => parsePattern('a/..'), isInvalid);
  assert.throws(() => parsePattern('!'), isInvalid);
});

test('exclude files: comments, anchors, includes, bad lines, their own directory in front', () => {
  const text = '# note\r\n\n  *.tmp  \n/sub/skipped\n!keep.tmp\n!/a[\n/a[\nx\\\n!/top\n./y\n';
  const { patterns, problems } = parseExcludeFile(Buffer.from(text), Buffer.from('odd*[dir'));
  assert.deepEqual(
    problems.map((p) => p.line),
    [6, 7, 8, 10],
  );
  const list = new PatternList(patterns);
  const on = (path: string) => list.match(Buffer.from(path), false);
  assert.equal(on('/odd*[dir/a.tmp'), 'exclude');
  assert.equal(on('/odd*[dir/d/keep.tmp'), 'include');
  assert.equal(on('/odd*[dir/sub/skipped'), 'exclude');
  assert.equal(on('/oddXdir/sub/skipped'), undefined);
  assert.equal(on('/odd*[dir/x/sub/skipped'), undefined);
  assert.equal(on('/odd*[dir/top'), 'include');
  assert.equal(on('/odd*[dir/q/y'), 'exclude');
  list.truncate(1);
  assert.equal(on('/odd*[dir/sub/skipped'), undefined);
});

test('the text form keeps includes and directories', () => {
  const patterns = ['*.tmp', '!keep', 'cache/', '/'].map((text) => parsePattern(text).pattern);
  assert.equal(formatPatterns(patterns).toString(), '*.tmp\n!keep\ncache/\n/\n');
  assert.equal(formatPrelude(patterns.slice(0, 1)).toString(), '{"exclude-patterns":"*.tmp\\n"}');
});

/** The rules of pxar.md 11.4 as a regular expression over latin1 text. */
function reference(pattern: string): RegExp {
  let out = '';
  for (let i = 0; i < pattern.length; ) {
    const stars = /^\*+/.exec(pattern.slice(i))?.[0].length ?? 0;
    if (stars > 0) {
      const before = i === 0 || pattern[i - 1] === '/';
      const end = i + stars;
      if (stars > 1 && before && end === pattern.length) out += '[^]*';
      else if (stars > 1 && before && pattern[end] === '/') {
        out += '(?:[^]*/)?';
        i++;
      } else out += '[^/]*';
      i += stars;
    } else {
      out += pattern[i] === '?' ? '[^/]' : pattern[i]!.replace(/[^a-z]/, '\\$&');
      i++;
    }
  }
  return new RegExp(`^(?:${out})$`);
}

test('stars and question marks agree with the reference, anchored and not', () => {
  const pattern = fc.array(fc.constantFrom('*', '**', '/', 'a', 'b', '?'), { minLength: 1, maxLength: 7 });
  const path = fc.array(fc.constantFrom('/', 'a', 'b'), { maxLength: 8 });
  fc.assert(
    fc.property(pattern, path, (p, t) => {
      const text = `/${t.join('')}`;
      const expected = reference(p.join(''));
      const match = new Wildmatch(Buffer.from(p.join('')));
      assert.equal(match.matches(Buffer.from(text)), expected.test(text));
      const parts = [...text].flatMap((c, i) => (c === '/' ? [text.slice(i + 1)] : []));
      assert.equal(
        match.matches(Buffer.from(text), true),
        [text, ...parts].some((part) => expected.test(part)),
      );
    }),
    { numRuns: 2000 },
  );
});

test('any bytes are a pattern or are refused, and matching them ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), fc.uint8Array({ maxLength: 30 }), (p, t) => {
      try {
        parsePattern(p).pattern.matches(t, true);
      } catch (error) {
        assert.ok(isInvalid(error), String(error));
      }
    }),
  );
});
