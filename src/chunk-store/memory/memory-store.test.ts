import { chunkStoreSuite } from '../testing/chunk-store-suite.ts';
import { MemoryChunkStore } from './memory-store.ts';

chunkStoreSuite('memory', async () => {
  const store = new MemoryChunkStore({ name: 'test' });
  return {
    store,
    damage: (digest, change) => store.damage(digest, change),
    age: (digest, used) => store.age(digest, used),
    [Symbol.asyncDispose]: async () => {},
  };
});
