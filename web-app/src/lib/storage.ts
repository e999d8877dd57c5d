/** Browser storage that may be full, switched off or holding what an older version wrote: then it is as good as empty. */
function guarded(open: () => Storage) {
  return {
    read<T>(key: string): T | null {
      try {
        const text = open().getItem(key);
        return text === null ? null : (JSON.parse(text) as T);
      } catch {
        return null;
      }
    },
    write(key: string, value: unknown): void {
      try {
        open().setItem(key, JSON.stringify(value));
      } catch {
        // Nothing that is stored is needed to go on; it is needed to go on after a reload.
      }
    },
    remove(key: string): void {
      try {
        open().removeItem(key);
      } catch {
        // As above.
      }
    },
    keys(): string[] {
      try {
        return Object.keys(open());
      } catch {
        return [];
      }
    },
  };
}

/** What this browser knows, over all tabs. */
export const local = guarded(() => window.localStorage);
/** What this tab knows, over reloads. */
export const tab = guarded(() => window.sessionStorage);
