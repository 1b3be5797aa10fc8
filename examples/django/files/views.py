from django.contrib.auth.decorators import login_required
from django.http import FileResponse
from django.shortcuts import get_object_or_404, redirect, render

from .forms import UploadForm
from .models import Upload


@login_required
def files(request):
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        Upload.objects.create(owner=request.user, file=file, name=file.name)
        return redirect("files")
    return render(request, "files/files.html", {"form": form, "uploads": Upload.objects.filter(owner=request.user)})


@login_required
def download(request, number):
    """The file, which Tidegate sends with sendfile(2): FileResponse gives it to wsgi.file_wrapper."""
    upload = get_object_or_404(Upload, pk=number, owner=request.user)
    return FileResponse(upload.file.open(), as_attachment=True, filename=upload.name)
