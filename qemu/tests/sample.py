"""A report as the demo writes it, for the tests of what is drawn from it."""


def report(service=8):
    events = [
        dict(t=0.0, node="alpha", event="panic"),
        dict(t=2.12, node="alpha", event="capture-started"),
        dict(t=2.41, node="alpha", event="dump-started", disk="dump0"),
        dict(t=2.55, node="beta", event="partner-panicked"),
        dict(t=2.58, node="beta", event="takeover-started"),
    ]
    events += [
        dict(t=2.64 + 0.003 * i, node="beta", event="disk-taken", disk=f"service{i}")
        for i in range(service)
    ]
    events += [
        dict(t=2.70, node="beta", event="service-taken"),
        dict(t=2.71, node="beta", event="disk-taken", disk="spare0"),
        dict(t=2.72, node="beta", event="disk-taken", disk="spare1"),
        dict(t=6.83, node="alpha", event="dump-completed", disk="dump0"),
        dict(t=7.01, node="beta", event="dump-disk-claimed", disk="dump0"),
        dict(t=11.4, node="beta", event="dump-saved", disk="dump0"),
    ]
    return {
        "shelf": "lio",
        "service_disks": service,
        "capture_image_bytes": 2_300_000,
        "writer_peak_rss_bytes": 9_000_000,
        "core": "/somewhere/vmcore",
        "core_bytes": 670_000_000,
        "vmcore_bytes": 690_000_000,
        "kernel": "6.1.0",
        "events": events,
        "client": dict(
            records=480,
            spans=[(-3.0, -0.02, "alpha"), (-0.02, 3.1, ""), (3.1, 12.4, "beta")],
            gap_panic_seconds=3.12,
            gap_giveback_seconds=2.5,
        ),
        "giveback": dict(seconds=8.2, service_gap_seconds=2.1, home=True, armed=True),
    }
