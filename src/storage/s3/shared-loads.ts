/**
 * Loads of a name that callers share: all waiting callers get the load that begins next, never one
 * that is under way, because the store may have answered that one before the caller came.
 *
 * So a load begins after each of its callers, and 64 callers at once cost two loads.
 */
interface Flight<Result> {
  running: Promise<Result>;
  next?: Promise<Result>;
}

export class SharedLoads<Result> {
  readonly #flights = new Map<string, Flight<Result>>();
  readonly #load: (name: string) => Promise<Result>;

  constructor(load: (name: string) => Promise<Result>) {
    this.#load = load;
  }

  run(name: string): Promise<Result> {
    const flight = this.#flights.get(name);
    if (flight === undefined) return this.#begin(name);
    flight.next ??= flight.running.then(
      () => this.#begin(name),
      () => this.#begin(name),
    );
    return flight.next;
  }

  #begin(name: string): Promise<Result> {
    const flight: Flight<Result> = { running: this.#load(name) };
    this.#flights.set(name, flight);
    const end = (): void => {
      if (flight.next === undefined) this.#flights.delete(name);
    };
    flight.running.then(end, end);
    return flight.running;
  }
}
