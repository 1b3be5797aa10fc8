from django.urls import path

from . import views

urlpatterns = [
    path("", views.files, name="files"),
    path("<int:number>/", views.download, name="download"),
]
