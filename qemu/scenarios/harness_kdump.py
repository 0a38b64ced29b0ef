import io
import os

from qemu.harness import ScenarioFailed, image, lun_table, pattern, scenario

_CAPTURE = "/boot/capture.cpio"


def capture_image(kernel):
    image_bytes = io.BytesIO()
    image.vmcore_archive(kernel).write(image_bytes)
    return image_bytes.getvalue()


@scenario("harness_kdump", timeout=120)
def harness_kdump(lab):
    """A panic starts a capture kernel, and its core holds the pattern planted before."""
    shelf = lab.tgt_shelf(lun_table(service=1))
    lab.start(shelf)
    capture = capture_image(lab.kernel)
    lab.measure("capture_image", len(capture) / 2**20, "MiB")
    alpha = lab.node("alpha", shelf, files={_CAPTURE: capture})
    lab.start(alpha)

    planted = pattern.plant(alpha, mib=64, seed=11)
    began = lab.clock.now()
    alpha.check(
        f"kexec -p -s /boot/vmlinuz-$(uname -r) --initrd={_CAPTURE}"
        " --command-line='console=ttyS0 loglevel=5 nr_cpus=1 reset_devices cryptomgr.notests'"
    )
    lab.measure("kexec_load", lab.clock.now() - began, "s")

    panic = alpha.panic()
    started = alpha.wait_for("lastword-guest: capture sees vmcore$", 30, since=panic.index)
    lab.measure("panic_to_capture", started.time - panic.time, "s")
    saved = alpha.wait_for("lastword-guest: capture saved vmcore$", 60, since=panic.index)
    lab.measure("vmcore_copy", saved.time - started.time, "s")
    alpha.wait_exit(10)

    began = lab.clock.now()
    core = os.path.join(alpha.extract("/var/crash"), "vmcore")
    lab.measure("extract", lab.clock.now() - began, "s")
    lab.measure("core", os.stat(core).st_size / 2**20, "MiB")
    began = lab.clock.now()
    pattern.verify(lab, core, planted)
    lab.measure("verify", lab.clock.now() - began, "s")
    if pattern.find(lab, core, pattern.Pattern(12, planted.pages))["missing"] != planted.pages:
        raise ScenarioFailed("a pattern that nobody planted is found")
