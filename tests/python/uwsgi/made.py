"""Configurations that nobody wrote: each has all of the language that a seed brings, in a folder of its own."""

import random

VARIABLES = {"UWSGI_MADE_OPTION": "by variable", "UWSGI_VACUUM": "true", "FIRST": "one", "SECOND": "FIRST", "EMPTY": "", "N": "7"}


class Made:
    """A folder's files, and the arguments that read them."""

    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.folder = folder
        self.keys = 0
        (folder / "value.txt").write_text("from a file\n")
        (folder / "lines.txt").write_text("l1\nl2 l2\r\n")
        (folder / "sub").mkdir()
        included = [self.ini("included.ini", 3), self.yaml(), self.xml()]
        sections = {"uwsgi": self.lines(16, included), "more": self.lines(4)}
        self.ini("app.ini", sections=sections)
        self.words = self.arguments()

    def arguments(self):
        """The command line: the file by one way or another, and options on both sides."""
        choose = self.random
        main = choose.choice([["--ini", "app.ini"], ["--ini=app.ini"], ["app.ini"], ["--ini", "./app.ini:uwsgi"], ["--include", "app.ini"]])
        before = choose.choice([[], ["-M"], ["--set", "typed=1"], ["--set-ph", "ph=p"], ["-Mp", "3"], ["--processes=2"], ["--if-env", "FIRST"]])
        after = choose.choice([[], ["--vacuum"], ["-p4"], ["--env", "A=%(k1)"], ["--harakiri-verb"]])
        end = ["--endif"] if before[:1] == ["--if-env"] else []
        return [*before, *end, *main, *after]

    def ini(self, name, count=0, sections=None):
        """Writes a file, with what a hand may do to it."""
        choose = self.random
        end = choose.choice(["\n", "\n", "\r\n"])
        lines = [choose.choice(["; first", "# %d %n", "", "lost = 1"])]
        for section, content in (sections or {"uwsgi": self.lines(count), "other": self.lines(2)}).items():
            lines += [f"[{section}]", *content]
        text = end.join(lines) + choose.choice([end, "", end * 2])
        (self.folder / name).write_text(text, newline="")
        return f"{choose.choice(['include', 'inherit', 'ini'])} = {name}"

    def yaml(self):
        """Writes such a file, as far as uWSGI's own reader of YAML goes."""
        lines = ["# a comment", "uwsgi:"]
        for _ in range(self.random.randint(1, 4)):
            value = self.random.choice(["true", "x y", "%n", "%(k1)/x", "$(FIRST)", "8.5", "a:b", "/x=y", "-1"])
            lines.append(f"  {self.key()}: {value}")
        (self.folder / "included.yml").write_text("\n".join([*lines, ""]))
        return self.random.choice(["include = included.yml", "yaml = included.yml", "yml = included.yml:uwsgi"])

    def xml(self):
        """Writes such a file."""
        elements = ["<!-- one -->"]
        for _ in range(self.random.randint(1, 4)):
            key = self.key()
            elements.append(self.random.choice([f"<{key}/>", f"<{key}>a &amp; b</{key}>", f"<{key}> %n </{key}>", f'<{key} id="a">%(k1)</{key}>']))
        (self.folder / "included.xml").write_text("<uwsgi>\n" + "\n".join(elements) + "\n</uwsgi>\n")
        return self.random.choice(["include = included.xml", "xml = included.xml", "xmlconfig = included.xml"])

    def lines(self, count, included=()):
        """Lines of a section."""
        kinds = [self.assignment] * 8 + [self.block] * 3 + [self.switch, self.comment, self.placeholder, self.immediate]
        lines = [f"k1 = {self.random.choice(['1', 'a b', '', '%n'])}"]
        for _ in range(count):
            made = self.random.choice(kinds)()
            lines += made if isinstance(made, list) else [made]
        for line in included:
            if self.random.random() < 0.6:
                lines.insert(len(lines) if self.has_block(lines) else self.random.randint(0, len(lines)), line)
        if included:
            # `:more` is a section of the file that was read last.
            ways = ["ini = app.ini:more", "; no more"] if self.has_include(lines) else ["ini = :more"]
            lines.append(self.random.choice(ways))
        return lines

    @staticmethod
    def has_block(lines):
        """Whether a line may not be put anywhere: it would be repeated, or left out."""
        return any(line.lstrip().startswith(("if", "for")) for line in lines)

    @staticmethod
    def has_include(lines):
        """Whether `:more` may mean another file's section."""
        return any("included" in line for line in lines)

    def key(self):
        """A name that no option has; an older one at times."""
        if self.keys > 2 and self.random.random() < 0.2:
            return f"k{self.random.randint(2, self.keys)}"
        self.keys += 1
        return f"k{self.keys}"

    def value(self, before):
        """A value, which names only keys that were there before: one that names itself has no end in uWSGI."""
        known = f"k{self.random.randint(1, max(1, before - 1))}"
        atoms = [
            "x", "", "true", "/srv/app", "a=b=c", "x ; no comment", "x # none", "$(FIRST)", "$(NOPE)", "$($(SECOND))", "$(EMPTY)", "$()", "$(",
            f"%({known})", f"-%({known})-", "%(nope)", f"%({known} + 3)", f"%({known} {known} * 2)", "%(2 ++)", "%(9 / 2)", "%(1 - 3)", "%(1 / 0)",
            "@(value.txt)", "%d", "%n.%e", "%s", "%p", "%c/%0/%1", "%x|%X", "%%", "%%(k1)", "%q", "%u:%g", "%U:%G", "%h", "%v", "%V", "%o|%D|%N",
            "%j", "%i", "%[", " \u00e9", "(a(b)c)", "$$(N)", "%(N)", "$(N)$(N)", "%", "100%",
        ]  # fmt: skip
        return "".join(self.random.choice(atoms) for _ in range(self.random.randint(1, 3)))

    def assignment(self):
        """key = value, with blanks as a hand sets them."""
        key = self.key()
        blank = self.random.choice(["", " ", "  ", "\t"])
        return f"{blank if blank != '  ' else ''}{key}{blank}={blank}{self.value(int(key[1:]))}{blank}"

    def switch(self):
        """An option of uWSGI's, or a key without a value."""
        return self.random.choice(["master", "vacuum = true", "env = A=$(N)", "pythonpath = %d", "no-value", "empty =", "harakiri = %(2 + 3)"])

    def comment(self):
        """No line at all."""
        return self.random.choice(["", "   ", "; x = 1", "# x", "\t# %d"])

    def placeholder(self):
        """What is there to be read."""
        name = f"p{self.random.randint(1, 3)}"
        return [f"{self.random.choice(['set-placeholder', 'set-ph'])} = {name}=v$(N)", f"{self.key()} = %({name})"]

    def immediate(self):
        """What takes effect where it stands; its value is not resolved."""
        return self.random.choice(["set = s=%(k1)", "set = s=1=2", "fallback-config = $(N)", "endif", "end-for ="])

    def block(self):
        """A condition or a loop around some lines."""
        choose = self.random
        begin, end = choose.choice(
            [
                ("for = a b  c", "endfor"),
                ("for-times = 2", "end-for"),
                ("for-glob = *.txt", "endfor"),
                ("for-glob = nothing*", "endfor"),
                ("for-glob = su?", "endfor"),
                ("for-readline = lines.txt", "endfor"),
                ("if-env = FIRST", "endif"),
                ("if-env = FIRST=one", "endif"),
                ("if-env = FIRST=two", "endif ="),
                ("ifenv = NOPE", "end"),
                ("if-not-env = NOPE", "endif"),
                ("if-not-env = FIRST=two", "endif"),
                ("if-opt = k1", "endif"),
                ("if-opt = k1=1", "endif"),
                ("if-not-opt = k1=1", "end-if"),
                ("if-not-opt = nope", "endif"),
                ("if-exists = value.txt", "endif"),
                ("if-not-exists = value.txt", "endif"),
                ("if-file = sub", "endif"),
                ("if-not-file = sub", "endif"),
                ("if-dir = sub", "endif"),
                ("ifdir = nope", "endif"),
                ("if-reload", "endif"),
                ("if-not-reload", "endif"),
                ("if-hostname = %h", "endif"),
                ("if-not-hostname = nope", "endif"),
                ("if-plugin = python", "endif"),
                ("if-not-plugin = nope", "endif"),
            ]
        )
        inside = [f"{self.key()} = {choose.choice(['x%(_)', '%(_)', 'y', '%(_)%(_) $(N)'])}" for _ in range(choose.randint(1, 2))]
        return [begin, *inside, end]
