"""The systemd unit as it is installed: systemd understands all of it, and finds it well confined."""
import re
import shutil
import tempfile

from harness import *

BUILD = pathlib.Path(os.environ["SLUICE_BUILD"])


def analyze(*arguments):
    try:
        return subprocess.run(["systemd-analyze", *map(str, arguments)], text=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        raise AssertionError("systemd-analyze is missing (Debian's package systemd has it)") from None


class Unit(Test):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        text = (BUILD / "etc/sluice.service").read_text()
        self.assertNotIn("@CMAKE", text)
        self.assertRegex(text, r"\nExecStart=/\S+/bin/sluice serve\n")
        self.unit = self.dir / "sluice.service"
        self.write(re.sub(r"\nExecStart=\S+", f"\nExecStart={SLUICE}", text))  # which is not installed yet

    def write(self, text):
        self.unit.write_text(text)

    def test_systemd_understands_all_of_it(self):
        result = analyze("verify", self.unit)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.write(self.unit.read_text().replace("WatchdogSec=", "WatchDogSec="))
        self.assertIn("WatchDogSec", analyze("verify", self.unit).stderr)  # it does look

    def test_it_is_well_confined(self):
        result = analyze("security", "--offline=true", "--no-pager", "--threshold=20", self.unit)
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    unittest.main()
