import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ConnectProxy } from '../../test/support/connect-proxy.ts';
import { hasObjectServer, ObjectServer } from '../../test/support/object-server.ts';
import { Weather } from '../../test/support/weather.ts';
import { GranaryError } from '../base/errors.ts';
import type { Traffic } from './contract.ts';
import { probeObjects } from './probe.ts';
import { listBuckets, type S3Objects, type S3Options } from './s3-objects.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array | undefined): string => Buffer.from(content ?? []).toString();

if (hasObjectServer) {
  describe('objects of an S3 server', () => {
    let server: ObjectServer;
    let objects: S3Objects;
    before(async () => {
      server = await ObjectServer.start('backups', 'conditional');
      objects = server.objects('backups');
    });
    after(async () => {
      objects.close();
      await server[Symbol.asyncDispose]();
    });

    const refuses = (code: string, message: RegExp) => (error: unknown) => {
      assert.ok(error instanceof GranaryError, String(error));
      assert.match(error.message, message);
      assert.equal(error.code, code);
      return true;
    };

    it('stores, gives, lists, copies and removes', async () => {
      const key = 'a store/.cnt/vm/1 + ü.blob';
      assert.equal(await objects.get(key), undefined);
      assert.equal(await objects.head(key), undefined);
      assert.equal(await objects.start(key, 4), undefined);
      await objects.put(key, bytes('0123456789'));
      await objects.put(key, bytes('9876543210'));
      const stored = await objects.get(key);
      assert.equal(text(stored?.bytes), '9876543210');
      assert.deepEqual(await objects.head(key), { key, size: 10, etag: stored!.etag });
      const start = await objects.start(key, 4);
      assert.deepEqual([text(start?.bytes), start?.size, start?.etag], ['9876', 10, stored!.etag]);
      await objects.put(`${key}.empty`, bytes(''));
      assert.equal((await objects.get(`${key}.empty`))?.size, 0);
      assert.equal((await objects.start(`${key}.empty`, 4))?.size, 0);
      assert.equal(await objects.copy(key, 'copy', '"00000000000000000000000000000000"'), false);
      assert.equal(await objects.copy('nothing', 'copy', stored!.etag), false);
      assert.equal(await objects.head('copy'), undefined);
      assert.equal(await objects.copy(key, 'copy', stored!.etag), true);
      const keys = async (prefix: string) => {
        const found: string[] = [];
        for await (const info of objects.list(prefix)) found.push(`${info.key} ${info.size}`);
        return found;
      };
      assert.deepEqual(await keys(''), [`${key} 10`, `${key}.empty 0`, 'copy 10']);
      assert.deepEqual(await keys('co'), ['copy 10']);
      await objects.delete(['copy', 'never there', key]);
      await objects.delete(['never there']);
      assert.deepEqual(await keys(''), [`${key}.empty 0`]);
      await server.objects('backups', { deletesSingly: true }).delete([`${key}.empty`, 'never there']);
      assert.deepEqual(await keys(''), []);
      await probeObjects(objects, 'store1');
      assert.deepEqual(await keys(''), []);
    });

    it('says what is wrong, naming endpoint, bucket and key', async () => {
      const put = (change: Partial<S3Options>, bucket = 'backups') =>
        server.objects(bucket, change).put('vm/1', bytes('x'));
      const name = "^S3 endpoint 'swift', bucket 'backups': put 'vm/1' failed";
      await assert.rejects(
        put({ secretKey: 'wrong' }),
        refuses('auth-failed', new RegExp(`${name}: SignatureDoesNot`)),
      );
      await assert.rejects(
        put({ accessKey: 'nobody' }),
        refuses('auth-failed', /: (SignatureDoesNotMatch|AccessDenied|InvalidAccessKeyId)/),
      );
      await assert.rejects(put({}, 'nosuch'), refuses('io', /bucket 'nosuch': put 'vm\/1' failed: NoSuchBucket/));
      await assert.rejects(server.objects('nosuch').get('x'), refuses('io', /NoSuchBucket/));
      await assert.rejects(put({ region: 'elsewhere' }), /region/);
      const fingerprint = Array.from({ length: 32 }, () => '00').join(':');
      const expected = `${name}: certificate fingerprint differs: expected 00:.* 'localhost' has ${server.fingerprint}; if you expected this, run 'proxmox-backup-manager s3 endpoint update swift --fingerprint`;
      await assert.rejects(put({ fingerprint }), refuses('certificate', new RegExp(expected, 'i')));
      await assert.rejects(
        put({ fingerprint: undefined }),
        refuses('certificate', /not trusted \(.*self.signed.*its fingerprint is/i),
      );
      await assert.rejects(put({ port: 1 }), refuses('connection', /\(6 attempts\): .*ECONNREFUSED/));
      await assert.rejects(
        server.objects('backups', { withoutConditions: false }).put('vm/1', bytes('x'), { ifAbsent: true }),
        refuses('io', /NotImplemented.*skip-if-none-match-header/),
      );
      assert.deepEqual((await listBuckets(server.options)).sort(), ['backups', 'conditional']);
      await assert.rejects(
        listBuckets({ ...server.options, secretKey: 'wrong' }),
        refuses('auth-failed', /^S3 endpoint 'swift': list buckets failed/),
      );
    });

    it('repeats what may pass, and counts each attempt', async () => {
      await using weather = await Weather.start(server.port, server);
      const counts: Partial<Traffic> = {};
      const count: S3Options['count'] = (what, amount) => {
        counts[what] = (counts[what] ?? 0) + amount;
      };
      const rough = server.objects('backups', { port: weather.port, count });
      const fates = (...list: ('slow-down' | 'cut' | 'lost' | 'short')[]): void => {
        weather.fate = () => list.shift() ?? 'pass';
      };
      fates('slow-down', 'cut', 'lost');
      await rough.put('rough', bytes('0123456789'));
      assert.deepEqual({ ...counts }, { put: 4, upload: 40 });
      fates('short', 'slow-down', 'cut');
      assert.equal(text((await rough.get('rough'))?.bytes), '0123456789');
      assert.equal(counts.get, 4);
      assert.equal(counts.download! >= 10, true);
      fates('lost');
      await rough.delete(['rough']);
      assert.equal(await rough.head('rough'), undefined);
      weather.fate = () => 'slow-down';
      await assert.rejects(rough.head('rough'), refuses('connection', /head 'rough' failed \(6 attempts\): .*503/));
      await assert.rejects(
        rough.put('rough', bytes('x')),
        refuses('connection', /failed \(6 attempts\): SlowDown: Please reduce your request rate\./),
      );
      const controller = new AbortController();
      weather.fate = () => {
        controller.abort(new Error('enough'));
        return 'slow-down';
      };
      await assert.rejects(rough.get('rough', { signal: controller.signal }), refuses('aborted', /enough/));
      rough.close();
    });

    it('stores under a condition where the server knows conditions, and says what to do where it does not', async () => {
      const conditional = server.objects('conditional', { withoutConditions: false });
      const unconditional = server.objects('backups', { withoutConditions: false });
      try {
        assert.equal(await conditional.put('one', bytes('first'), { ifAbsent: true }), true);
        assert.equal(await conditional.put('one', bytes('second'), { ifAbsent: true }), false);
        assert.equal(text((await conditional.get('one'))?.bytes), 'first');
        assert.equal(await conditional.put('one', bytes('third')), true);
        assert.equal(text((await conditional.get('one'))?.bytes), 'third');
        await assert.rejects(
          unconditional.put('one', bytes('first'), { ifAbsent: true }),
          refuses('io', /NotImplemented: .*; if it does not know conditional uploads, set its 'provider-quirks'/),
        );
      } finally {
        conditional.close();
        unconditional.close();
      }
    });

    it('reaches the bucket as a part of the host name, through a proxy that asks for a password', async () => {
      await using proxy = await ConnectProxy.start('me:pw');
      const at = `127.0.0.1:${proxy.port}`;
      // Only the proxy knows where such a name leads.
      const byName = (change: Partial<S3Options>) =>
        server.objects('backups', { endpoint: '{{bucket}}.localhost', pathStyle: false, ...change });
      const through = byName({ proxy: `http://me:pw@${at}` });
      const stranger = byName({ proxy: at });
      try {
        await through.put('by/name', bytes('content'));
        assert.equal(text((await through.get('by/name'))?.bytes), 'content');
        assert.equal(text((await objects.get('by/name'))?.bytes), 'content');
        await through.delete(['by/name']);
        assert.equal(await objects.head('by/name'), undefined);
        assert.deepEqual(new Set(proxy.tunnels), new Set([`backups.localhost:${server.port}`]));
        const refusal = `the proxy refused a tunnel to backups.localhost:${server.port}: status 407`;
        await assert.rejects(stranger.get('x'), refuses('connection', new RegExp(refusal)));
        proxy.close();
        through.close();
        await assert.rejects(byName({ proxy: at }).get('x'), refuses('connection', /\(6 attempts\): .*ECONNREFUSED/));
      } finally {
        through.close();
        stranger.close();
      }
    });
  });
}
