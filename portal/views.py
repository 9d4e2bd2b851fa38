from django.http import Http404


def home(request, **kwargs):
    raise Http404


def department_list(request, **kwargs):
    raise Http404


def department_detail(request, **kwargs):
    raise Http404


def document_list(request, **kwargs):
    raise Http404


def document_detail(request, **kwargs):
    raise Http404


def glossary(request, **kwargs):
    raise Http404


def search(request, **kwargs):
    raise Http404


def open_data(request, **kwargs):
    raise Http404


def change_list(request, **kwargs):
    raise Http404


def healthz(request, **kwargs):
    raise Http404
