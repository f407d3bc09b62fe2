"""Other people's clients before our gateway: OpenAI's from npm, LangChain, LiteLLM's library.

    python -m bench.gateway.clients --npm FOLDER --langchain PYTHON --litellm PYTHON

FOLDER has `node_modules/openai`; PYTHON is the interpreter of an environment with the package. A
client that is not given is left out, and that is said. OpenAI's Python client is tested with every
change, in tests/end_to_end/test_gateway_client.py.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bench.gateway.callers import TOKENS
from bench.gateway.processes import MockUpstream
from bench.gateway.systems import Escalera, Place

HERE = Path(__file__).parent
JOBS = '\n[gateway.jobs]\nmodels = ["a"]\n'


def main() -> None:
    """Let every client that is there ask for everything it can ask for."""
    parser = argparse.ArgumentParser(description="Other people's clients.")
    parser.add_argument("--npm", type=Path, help="a folder with node_modules/openai")
    parser.add_argument("--langchain", type=Path, help="an interpreter with langchain-openai")
    parser.add_argument("--litellm", type=Path, help="an interpreter with litellm")
    parser.add_argument("--into", type=Path, default=Path("build/bench/gateway"))
    given = parser.parse_args()
    commands = {
        "npm": ["node", HERE / "npm_client.mjs", given.npm],
        "langchain": [given.langchain, HERE / "langchain_client.py"],
        "litellm": [given.litellm, HERE / "litellm_client.py"],
    }
    place = Place(folder=given.into / "clients")
    failed = False
    with (
        MockUpstream("A", "--tokens", str(TOKENS)) as a,
        MockUpstream("B", "--tokens", str(TOKENS)) as b,
        Escalera(place, a.url, b.url, extra=JOBS) as served,
    ):
        for name, command in commands.items():
            if None in command:
                print(f"{name}: left out, name it with --{name}")
                continue
            done = subprocess.run(
                [*map(str, command), served.url, served.model],
                capture_output=True,
                text=True,
                check=False,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home())},
            )
            failed = failed or done.returncode != 0
            said = done.stdout.strip() or done.stderr.strip()[-600:]
            print(f"{name}: {'passed' if done.returncode == 0 else 'FAILED'}: {said}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
