// Access control lists: kernel attributes to items and back, the rebuild rules, malformed attributes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { accessAclToKernel, aclFromKernel, defaultAclToKernel } from './posix-acl.ts';
import { noAcl, type PxarMetadata } from './types.ts';

const base64 = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));
// As Linux shows them, of the tree that the fixture archives were made from.
const namedFile = base64('AgAAAAEABgD/////AgAGAOgDAAACAAQA0AcAAAQABAD/////CAAFALgLAAAQAAcA/////yAAAAD/////');
const defaults = base64('AgAAAAEABwD/////AgAHAOgDAAAEAAUA/////wgABQC4CwAAEAAHAP////8gAAAA/////w==');
const minimalDefaults = base64('AgAAAAEABwD/////BAAFAP////8gAAQA/////w==');

function meta(mode: number, acl: PxarMetadata['acl']): PxarMetadata {
  return { mode, flags: 0n, uid: 0, gid: 0, mtime: { seconds: 0n, nanos: 0 }, xattrs: [], acl };
}

test('an access ACL with mask becomes items plus mode, and comes back', () => {
  const acl = aclFromKernel(namedFile, undefined, 'named.txt');
  assert.deepEqual(acl.users, [
    { id: 1000, permissions: 6 },
    { id: 2000, permissions: 4 },
  ]);
  assert.deepEqual(acl.groups, [{ id: 3000, permissions: 5 }]);
  assert.equal(acl.groupObject, 4);
  const rebuilt = accessAclToKernel(meta(0o100670, acl));
  assert.deepEqual(rebuilt, { value: namedFile, maskGuessed: false });
});

test('default ACLs come back with and without mask', () => {
  for (const value of [defaults, minimalDefaults]) {
    const acl = aclFromKernel(undefined, value, 'dir');
    assert.deepEqual(defaultAclToKernel(meta(0o40755, acl)), value);
    assert.equal(accessAclToKernel(meta(0o40755, acl)), undefined);
  }
  assert.equal(aclFromKernel(undefined, minimalDefaults, 'dir').default?.mask, undefined);
});

test('an ACL that says no more than the mode is none', () => {
  const plain = base64('AgAAAAEABgD/////BAAEAP////8gAAQA/////w==');
  assert.equal(aclFromKernel(plain, undefined, 'x'), noAcl);
  assert.equal(aclFromKernel(undefined, undefined, 'x'), noAcl);
  assert.equal(accessAclToKernel(meta(0o100644, noAcl)), undefined);
  assert.equal(defaultAclToKernel(meta(0o40755, noAcl)), undefined);
});

test('named entries without a mask get the group bits as mask, and it is said', () => {
  const acl = { ...noAcl, users: [{ id: 7, permissions: 7 }] };
  const rebuilt = accessAclToKernel(meta(0o100650, acl));
  assert.ok(rebuilt?.maskGuessed);
  const again = aclFromKernel(rebuilt.value, undefined, 'x');
  assert.deepEqual(again.users, acl.users);
  assert.equal(again.groupObject, 5);
});

test('entries are sorted by id, then permissions', () => {
  const entry = fc.record({ id: fc.nat(5), permissions: fc.nat(7) }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), fc.nat(7), (users, groupObject) => {
      const rebuilt = accessAclToKernel(meta(0o100600, { ...noAcl, users, groupObject }));
      const sorted = [...users].sort((a, b) => a.id - b.id || a.permissions - b.permissions);
      assert.deepEqual(aclFromKernel(rebuilt?.value, undefined, 'x').users, sorted);
    }),
  );
});

test('malformed attributes are refused by name', () => {
  const cases = [new Uint8Array(0), namedFile.slice(0, 11), Uint8Array.from(namedFile, (b, i) => (i === 0 ? 3 : b))];
  cases.push(Uint8Array.from(namedFile, (b, i) => (i === 4 ? 0x40 : b)));
  for (const value of cases) {
    assert.throws(
      () => aclFromKernel(value, undefined, 'etc/x'),
      (error) => error instanceof GranaryError && error.message.startsWith('etc/x: system.posix_acl_access'),
    );
  }
});
