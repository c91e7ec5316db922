import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrafficRule } from '../config/traffic-control-schema.ts';
import { TrafficRules } from './traffic-rules.ts';

const rule = (name: string, network: string[], more: Partial<TrafficRule> = {}): TrafficRule => ({
  name,
  network,
  ...more,
});

const chosen = (rules: TrafficRule[], address: string, caller?: string, epoch = 0): string | undefined =>
  new TrafficRules(rules).choose(address, caller, epoch)?.name;

test('the narrowest network wins, the first of equal ones', () => {
  const rules = [
    rule('all', ['0.0.0.0/0', '::/0']),
    rule('office', ['10.0.0.0/8', '192.168.0.0/16']),
    rule('floor', ['10.1.0.0/16']),
    rule('again', ['10.1.0.0/16']),
    rule('site', ['fd00::/8']),
  ];
  assert.equal(chosen(rules, '10.1.2.3'), 'floor');
  assert.equal(chosen(rules, '10.2.2.3'), 'office');
  assert.equal(chosen(rules, '192.168.4.4'), 'office');
  assert.equal(chosen(rules, '8.8.8.8'), 'all');
  assert.equal(chosen(rules, 'fd12::1'), 'site');
  assert.equal(chosen(rules, '2001:db8::1'), 'all');
  assert.equal(chosen([...rules].reverse(), '10.1.2.3'), 'again');
  assert.equal(chosen(rules, 'fe80::1%eth0'), 'all');
  assert.equal(chosen(rules, 'nobody'), undefined);
});

test('IPv4 peers are that on any socket, the loopback is like other networks', () => {
  const rules = [rule('home', ['127.0.0.0/8'])];
  assert.equal(chosen(rules, '::ffff:127.0.0.1'), 'home');
  assert.equal(chosen(rules, '::1'), undefined);
  assert.equal(chosen([rule('six', ['::/0'])], '::ffff:10.0.0.1'), undefined);
});

test('networks may be written with host bits and leading zeros', () => {
  assert.equal(chosen([rule('odd', ['010.001.2.3/16'])], '10.1.200.1'), 'odd');
  assert.equal(chosen([rule('odd', ['FD00:0:0::5/16'])], 'fd00:1::'), 'odd');
});

test('a rule for users holds for them and their tokens, and goes before networks alone', () => {
  const rules = [
    rule('host', ['10.0.0.5/32']),
    rule('guests', ['10.0.0.0/8'], { users: ['guest@pbs', 'other@pbs'] }),
    rule('nobody', ['0.0.0.0/0'], { users: [] }),
  ];
  assert.equal(chosen(rules, '10.0.0.5'), 'host');
  assert.equal(chosen(rules, '10.0.0.5', 'guest@pbs'), 'guests');
  assert.equal(chosen(rules, '10.0.0.5', 'other@pbs!laptop'), 'guests');
  assert.equal(chosen(rules, '10.0.0.5', 'admin@pbs'), 'host');
  assert.equal(chosen(rules, '11.0.0.5', 'guest@pbs'), 'nobody');
});

test('a rule holds at its hours, in local time, the end left out', () => {
  const rules = [rule('work', ['0.0.0.0/0'], { timeframe: ['mon..fri 8-17:30', 'sat 9-12'] })];
  const at = (day: number, hour: number, minute: number): string | undefined =>
    // The first of June 2026 is a Monday.
    chosen(rules, '10.0.0.1', undefined, new Date(2026, 5, day, hour, minute).getTime() / 1000);
  assert.equal(at(1, 8, 0), 'work');
  assert.equal(at(1, 7, 59), undefined);
  assert.equal(at(5, 17, 29), 'work');
  assert.equal(at(5, 17, 30), undefined);
  assert.equal(at(6, 11, 0), 'work');
  assert.equal(at(7, 11, 0), undefined);
});
