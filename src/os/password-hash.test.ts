import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hashPassword, hashPasswordAsync, verifyPassword, verifyPasswordAsync } from './password-hash.ts';

describe('password hash', () => {
  it('writes yescrypt of cost 5 with a fresh salt, and verifies it', async () => {
    const one = hashPassword('secret-päss');
    const two = await hashPasswordAsync('secret-päss');
    for (const hash of [one, two]) assert.match(hash, /^\$y\$j9T\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{43}$/);
    assert.notEqual(one, two);
    assert.equal(verifyPassword('secret-päss', two), true);
    assert.equal(await verifyPasswordAsync('secret-päss', one), true);
    assert.equal(verifyPassword('secret-pass', one), false);
    assert.equal(await verifyPasswordAsync('', one), false);
  });

  it('verifies the older schemes (known answers of the crypt specifications)', () => {
    assert.ok(verifyPassword('Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'));
    const sha512 =
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1';
    assert.ok(verifyPassword('Hello world!', sha512));
    assert.equal(verifyPassword('Hello world', sha512), false);
    assert.ok(verifyPassword('U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'));
  });

  it('verifies nothing against a malformed hash', async () => {
    for (const hash of ['', '*', '*0', '!', '!!', '$y$', '$y$j9T$', '$zz$abc', 'x', '$6$abc\0def', 'a'.repeat(1000)]) {
      assert.equal(verifyPassword('x', hash), false, hash);
      assert.equal(await verifyPasswordAsync('x', hash), false, hash);
    }
    assert.equal(verifyPassword('a\0b', hashPassword('a')), false);
    assert.equal(verifyPassword('a'.repeat(10_000), hashPassword('a')), false);
  });

  it('a hash that is being made survives the garbage collector', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const timer = setInterval(collect, 1);
    try {
      for (let i = 0; i < 3; i++) {
        const hash = await hashPasswordAsync(`secret ${i}`);
        assert.equal(await verifyPasswordAsync(`secret ${i}`, hash), true);
      }
    } finally {
      clearInterval(timer);
    }
  });
});
