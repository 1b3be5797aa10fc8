"""A board of notes and files, made by a factory as Flask's own tutorial makes its application."""

import os
import time

from flask import Flask, abort, redirect, render_template, request, send_from_directory, stream_with_context, url_for
from werkzeug.utils import secure_filename


def create_app(folder=None):
    app = Flask(__name__, instance_relative_config=True, instance_path=folder and os.path.abspath(folder))
    app.config["MAX_CONTENT_LENGTH"] = 20 * 1024 * 1024
    uploads = os.path.join(app.instance_path, "uploads")
    os.makedirs(uploads, exist_ok=True)

    @app.get("/")
    def index():
        return render_template("index.html", names=sorted(os.listdir(uploads)))

    @app.post("/files/")
    def upload():
        file = request.files.get("file")
        name = secure_filename(file.filename) if file else ""
        if not name:
            abort(400, "the form has no file")
        file.save(os.path.join(uploads, name))
        return redirect(url_for("download", name=name), code=303)

    @app.get("/files/<name>")
    def download(name):
        # Flask gives the open file to wsgi.file_wrapper, and Tidegate sends it with sendfile(2).
        return send_from_directory(uploads, name, as_attachment=True)

    @app.get("/countdown/<int:seconds>")
    def countdown(seconds):
        """Each line is sent when it is made."""

        @stream_with_context
        def lines():
            for left in range(min(seconds, 60), 0, -1):
                yield f"{left}, {request.remote_addr}\n"
                time.sleep(1)
            yield "lift-off\n"

        # nginx would collect the lines, were it not for this header.
        return app.response_class(lines(), mimetype="text/plain", headers={"X-Accel-Buffering": "no"})

    return app
