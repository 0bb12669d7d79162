import { useEffect, useRef, useState } from 'preact/hooks';
import type { RefObject } from 'preact';

/**
 * Draws again when `subscribe` tells, at most once a frame; while the page or the element is out of sight only what
 * `isUrgent`.
 */
export function useChanges(
  subscribe: (listener: () => void) => () => void,
  isSeen: RefObject<boolean>,
  isUrgent: () => boolean
): void {
  const [, redraw] = useState(0);
  useEffect(() => {
    let frame = 0;
    const draw = (): void => {
      frame = 0;
      redraw(n => n + 1);
    };
    const mark = (): void => {
      if (!frame && (isSeen.current !== false || isUrgent())) {
        frame = requestAnimationFrame(draw);
      }
    };
    const end = subscribe(mark);
    mark(); // what came between the first drawing and this
    return () => {
      end();
      cancelAnimationFrame(frame);
    };
  }, [subscribe]);
}

/** Whether the element can be seen: kept in a ref, and `onShow` is called when it comes into sight again. */
export function useSeen(element: RefObject<HTMLElement>, onShow: () => void): RefObject<boolean> {
  const seen = useRef(true);
  const observer = useRef<IntersectionObserver | null>(null);
  const observed = useRef<HTMLElement | null>(null);
  useEffect(() => {
    let isInView = true;
    const update = (): void => {
      const before = seen.current;
      seen.current = isInView && !document.hidden;
      if (seen.current && !before) {
        onShow();
      }
    };
    observer.current = new IntersectionObserver(
      entries => {
        isInView = entries.at(-1)!.isIntersecting;
        update();
      },
      { rootMargin: '200px' }
    );
    document.addEventListener('visibilitychange', update);
    return () => {
      observer.current?.disconnect();
      observed.current = null;
      document.removeEventListener('visibilitychange', update);
    };
  }, []);
  // What is drawn first (nothing, a line) may be another element than what is drawn later.
  useEffect(() => {
    if (element.current !== observed.current) {
      observer.current?.disconnect();
      observed.current = element.current;
      if (element.current) {
        observer.current?.observe(element.current);
      }
    }
  });
  return seen;
}

/** Draws again every `ms` while `isOn` and in sight. */
export function useTick(ms: number, isOn: boolean, isSeen?: RefObject<boolean>): void {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!isOn) {
      return;
    }
    const timer = setInterval(() => {
      if (!document.hidden && isSeen?.current !== false) {
        redraw(n => n + 1);
      }
    }, ms);
    return () => clearInterval(timer);
  }, [ms, isOn]);
}

/** Width of an element, 0 before it is known. */
export function useWidth(element: RefObject<HTMLElement>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const target = element.current;
    if (!target) {
      return;
    }
    setWidth(target.clientWidth);
    const observer = new ResizeObserver(() => setWidth(target.clientWidth));
    observer.observe(target);
    return () => observer.disconnect();
  }, []);
  return width;
}

export interface Loaded<T> {
  value: T | null;
  error: string;
  isLoading: boolean;
}

/** What a question to the engine gave; asked anew when `key` changes. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T> & { key: string }>({
    key: '',
    value: null,
    error: '',
    isLoading: true
  });
  useEffect(() => {
    let isCurrent = true;
    setLoaded(old => ({ key, value: old.key === key ? old.value : null, error: '', isLoading: true }));
    load().then(
      value => isCurrent && setLoaded({ key, value, error: '', isLoading: false }),
      (error: unknown) =>
        isCurrent &&
        setLoaded({ key, value: null, error: error instanceof Error ? error.message : String(error), isLoading: false })
    );
    return () => {
      isCurrent = false;
    };
  }, [key]);
  return loaded;
}
