import { siteOfClient } from '../lib/ip-networks.ts';

/** How much there is room for at a time. */
export interface RoomLimits {
  /** For one site: an IPv4 address, or of IPv6 addresses a /48. Default: as much as for all. */
  readonly ofOne?: number | undefined;
  readonly total: number;
}

/** What somebody holds of a room. */
export interface Place {
  /** Takes more, if there is room or can be made. */
  take(amount: number): boolean;
  giveBack(): void;
}

/** Who holds something, and where. */
interface Site {
  amount: number;
  /** In the order in which they came. */
  readonly places: Set<HeldPlace>;
}

/**
 * Room that strangers share, such as for bodies that are on their way. Where it
 * is full, the site that holds most gives way to one that holds less: however
 * many hold as much as they may, there is room for somebody who needs little.
 */
export class SharedRoom {
  readonly #limits: { readonly ofOne: number; readonly total: number };
  readonly #sites: Map<string, Site> = new Map();
  #taken = 0;

  constructor({ total, ofOne }: RoomLimits) {
    this.#limits = { total, ofOne: ofOne ?? total };
  }

  /** What all hold. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Lets somebody in, who holds nothing yet.
   *
   * @param ip - Where from; `undefined` for those who never have to give way, such as trusted proxies.
   * @param end - Ends what the place is held for, which has been given back.
   */
  enter(ip: string | undefined, end: () => void): Place {
    return new HeldPlace(ip === undefined ? undefined : (siteOfClient(ip) ?? ip), end, this);
  }

  /** For places alone. */
  hold(place: HeldPlace, amount: number): boolean {
    const { site: name } = place;
    const site = name === undefined ? undefined : (this.#sites.get(name) ?? newSite());
    const holds = (site?.amount ?? 0) + amount;
    if (site !== undefined && holds > this.#limits.ofOne) return false;
    while (this.#taken + amount > this.#limits.total) {
      if (!this.#giveWay(site === undefined ? 0 : holds)) return false;
    }
    this.#taken += amount;
    if (name === undefined || site === undefined) return true;
    site.amount = holds;
    site.places.add(place);
    this.#sites.set(name, site);
    return true;
  }

  /** For places alone. */
  release(place: HeldPlace, amount: number): void {
    this.#taken -= amount;
    const site = place.site === undefined ? undefined : this.#sites.get(place.site);
    if (place.site === undefined || site === undefined) return;
    site.amount -= amount;
    site.places.delete(place);
    if (site.places.size === 0) this.#sites.delete(place.site);
  }

  /** Ends the newest place of the site that holds most, and more than so much. */
  #giveWay(least: number): boolean {
    let most: Site | undefined;
    for (const site of this.#sites.values()) {
      if (site.amount > (most?.amount ?? least)) most = site;
    }
    const newest = most === undefined ? undefined : [...most.places].at(-1);
    newest?.end();
    return newest !== undefined;
  }
}

class HeldPlace implements Place {
  readonly site: string | undefined;
  readonly #end: () => void;
  readonly #room: SharedRoom;
  #amount = 0;
  #isOver = false;

  constructor(site: string | undefined, end: () => void, room: SharedRoom) {
    this.site = site;
    this.#end = end;
    this.#room = room;
  }

  take(amount: number): boolean {
    if (this.#isOver || !this.#room.hold(this, amount)) return false;
    this.#amount += amount;
    return true;
  }

  giveBack(): void {
    if (this.#amount > 0) this.#room.release(this, this.#amount);
    this.#amount = 0;
  }

  end(): void {
    this.#isOver = true;
    this.giveBack();
    this.#end();
  }
}

function newSite(): Site {
  return { amount: 0, places: new Set() };
}
