import { done, finished, open } from "../lib/idb";
import type { Key } from "./code";
import type { Admission, CheckinList, Listed, OfflineList } from "./decide";
import type { Keep, Waiting } from "./desk";

const NAME = "marquee-door";
/** Milliseconds for which a list is kept that nobody has used. */
const AGE = 14 * 86_400_000;

interface StoredList {
  key: string;
  event: string;
  list: CheckinList;
  keys: Key[];
  tickets: [string, Listed][];
  asOf: string;
}

interface StoredAdmission extends Admission {
  key: string;
  of: string;
  hash: string;
}

function make(database: IDBDatabase): void {
  database.createObjectStore("lists", { keyPath: "key" });
  database.createObjectStore("waiting", { keyPath: "id" });
  database.createObjectStore("admissions", { keyPath: "key" }).createIndex("of", "of");
}

const keyOf = (event: string, list: string) => `${event}/${list}`;

/** What a browser keeps that keeps nothing: as long as this page is there. Without a network nobody is let in by it. */
export class NoStore implements Keep {
  private readonly known = new Map<string, Admission>();
  waiting = async () => [];
  wait = () => Promise.reject(new Error("nothing is kept"));
  settle = async () => undefined;
  admissions = async () => this.known;
  admit = async (_event: string, _list: string, hash: string, admission: Admission | null) => {
    if (admission) this.known.set(hash, admission);
    else this.known.delete(hash);
  };
}

/** What this browser keeps for its door, over reloads and without a network. */
export class DoorStore implements Keep {
  private readonly database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.database = database;
  }

  static async open(): Promise<DoorStore> {
    const store = new DoorStore(await open(NAME, make));
    await store.tidy();
    return store;
  }

  private async write(name: string, work: (store: IDBObjectStore) => void): Promise<void> {
    // On disk before anybody is let in.
    const transaction = this.database.transaction(name, "readwrite", { durability: "strict" });
    work(transaction.objectStore(name));
    await finished(transaction);
  }

  private async tidy(): Promise<void> {
    const all = await done<StoredList[]>(this.database.transaction("lists").objectStore("lists").getAll());
    const old = all.filter((list) => Date.now() - Date.parse(list.asOf) > AGE);
    if (old.length > 0) await this.write("lists", (store) => old.forEach((list) => void store.delete(list.key)));
    const admissions = this.database.transaction("admissions").objectStore("admissions");
    const known = await done<StoredAdmission[]>(admissions.getAll());
    const past = known.filter(({ at }) => at === null || Date.now() - Date.parse(at) > AGE);
    if (past.length > 0) await this.write("admissions", (store) => past.forEach(({ key }) => void store.delete(key)));
  }

  async list(event: string, list: string): Promise<OfflineList | null> {
    const stored = await done<StoredList | undefined>(
      this.database.transaction("lists").objectStore("lists").get(keyOf(event, list)),
    );
    return stored ? { ...stored, tickets: new Map(stored.tickets) } : null;
  }

  saveList({ event, list, keys, tickets, asOf }: OfflineList): Promise<void> {
    const stored: StoredList = { key: keyOf(event, list.id), event, list, keys, tickets: [...tickets], asOf };
    return this.write("lists", (store) => void store.put(stored));
  }

  waiting(): Promise<Waiting[]> {
    return done<Waiting[]>(this.database.transaction("waiting").objectStore("waiting").getAll());
  }

  wait(scan: Waiting): Promise<void> {
    return this.write("waiting", (store) => void store.put(scan));
  }

  settle(ids: string[]): Promise<void> {
    return this.write("waiting", (store) => ids.forEach((id) => void store.delete(id)));
  }

  async admissions(event: string, list: string): Promise<Map<string, Admission>> {
    const index = this.database.transaction("admissions").objectStore("admissions").index("of");
    const all = await done<StoredAdmission[]>(index.getAll(keyOf(event, list)));
    return new Map(all.map(({ hash, at, gate }) => [hash, { at, gate }]));
  }

  admit(event: string, list: string, hash: string, admission: Admission | null): Promise<void> {
    const of = keyOf(event, list);
    const key = `${of}/${hash}`;
    return this.write("admissions", (store) => {
      if (admission) store.put({ ...admission, key, of, hash } satisfies StoredAdmission);
      else store.delete(key);
    });
  }

  close(): void {
    this.database.close();
  }
}
